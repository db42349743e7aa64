"""Root of the error tree: expected failures, one class a rule, the disagreeing values as fields."""

import re
from dataclasses import dataclass, fields, is_dataclass

_SHOWN_BYTES = 32


class AIChainError(Exception):
    """An expected failure. What must never happen is an `assert`, not one of these."""

    @property
    def code(self) -> str:
        """The class name in snake_case: what RPC answers and what logs are searched for."""
        return re.sub(
            r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__
        ).lower()

    def __str__(self) -> str:
        name = type(self).__name__
        if not is_dataclass(self):
            return " ".join([name, *map(str, self.args)])
        names = [field.name for field in fields(self) if field.name != "fix"]  # shown beside it
        values = {name: getattr(self, name) for name in names}
        if set(values) == {"reason"}:
            return f"{name}: {values['reason']}"
        shown = " ".join(f"{key}={_shown(value)}" for key, value in values.items())
        return f"{name}: {shown}" if shown else name


class InvalidData(AIChainError):
    """Somebody's data breaks a rule: a peer's score pays, or a caller gets it as the answer."""


@dataclass(eq=False)
class DecodeError(InvalidData):
    """Bytes that are not the canonical form of what they claim to be."""

    reason: str


@dataclass(eq=False)
class InvalidSignature(InvalidData):
    """A signature that does not verify; `subject` says of what."""

    subject: str


@dataclass(eq=False)
class InvalidPeerId(InvalidData):
    """Text that is not the base58 form of a libp2p peer id with an Ed25519 key."""

    peer_id: str


def _shown(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    text = "0x" + value[:_SHOWN_BYTES].hex()
    return text if len(value) <= _SHOWN_BYTES else f"{text}… ({len(value)} bytes)"
