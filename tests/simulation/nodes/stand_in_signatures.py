"""Signatures of the real size whose bytes depend on nothing but key and message.

Real ones are hedged: two runs of one seed would carry different bytes. Everybody could forge a
stand-in; nobody in a simulation does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import native.backends
import native.batch
import native.signatures
from native.hashing import blake3_256, xof
from native.panel import Panel
from native.signatures import (
    SIGNATURE_BYTES,
    SignatureItem,
    SigningKey,
    algorithm_of,
    has_signature_shape,
)

_CONTEXT = "aichain/simulation/signature/v1"


@contextmanager
def stand_in_signatures() -> Iterator[None]:
    """Sign and verify with stand-ins as long as this lasts."""
    panel = Panel(_StandInEngine())
    with (
        patch.object(SigningKey, "sign", _sign),
        patch.object(native.signatures, "verify_parsed", _is_stand_in),
        patch.object(native.backends, "select_panel", lambda: panel),
        patch.object(native.batch, "select_panel", lambda: panel),
    ):
        yield


class _StandInEngine:
    name = "stand-in"

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        return [has_signature_shape(item) and _is_stand_in(None, item) for item in items]

    def pin(self, public_keys: Sequence[bytes]) -> None:
        pass

    def cache_counters(self) -> dict[str, int]:
        return {}


def _sign(key: SigningKey, message: bytes, context: bytes) -> bytes:
    return _stand_in(key.public_key, message, context)


def _is_stand_in(_key: object, item: SignatureItem) -> bool:
    return item.signature == _stand_in(item.public_key, item.message, item.context)


def _stand_in(public_key: bytes, message: bytes, context: bytes) -> bytes:
    seed = blake3_256(b"".join((public_key, bytes([len(context)]), context, message)))
    return xof(_CONTEXT, seed, SIGNATURE_BYTES[algorithm_of(public_key)])
