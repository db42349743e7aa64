"""The two files of offline signing: what a machine with a network made for a key to sign, and what
a machine with the key made of it.

Only the canonical bytes in a file count. What stands beside them is for people to read, is made of
the bytes, and is never read back: whoever signs shows what the bytes say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from aichain.shallow_json import load_shallow
from genesis.limits import TRANSACTION_MAX_BYTES
from genesis.units import format_address, parse_hex
from native.errors import DecodeError
from native.node_keys import peer_id_text
from vm.bodies import Role
from vm.transactions import (
    SignedTransaction,
    Transaction,
    decode_transaction,
    decode_unsigned,
)

UNSIGNED: Final = "aichain-unsigned-v1"
SIGNED: Final = "aichain-signed-v1"
SHOWN_BYTES: Final = 64
FILE_MAX_CHARS: Final = 8 * TRANSACTION_MAX_BYTES


@dataclass(frozen=True, slots=True)
class UnsignedFile:
    """A transaction, and whether its witness has to show the sender's public key."""

    transaction: Transaction
    reveal: bool

    def to_json(self) -> str:
        made = self.transaction
        return json.dumps(
            {
                "format": UNSIGNED,
                "unsigned": "0x" + made.unsigned_bytes.hex(),
                "reveal": self.reveal,
                "reads": describe(made),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """DecodeError or InvalidTransaction where it is none."""
        given = _object(text, UNSIGNED)
        reveal = given.get("reveal")
        if not isinstance(reveal, bool):
            raise DecodeError("an unsigned transaction says whether to reveal the key")
        return cls(decode_unsigned(_bytes(given, "unsigned")), reveal)


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A signed transaction, ready to be sent by anybody."""

    signed: SignedTransaction

    def to_json(self) -> str:
        return json.dumps(
            {
                "format": SIGNED,
                "hash": "0x" + self.signed.id.hex(),
                "raw": "0x" + self.signed.raw.hex(),
                "reads": describe(self.signed.transaction),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """DecodeError or InvalidTransaction where it is none; the node verifies the signature."""
        return cls(decode_transaction(_bytes(_object(text, SIGNED), "raw")))


def describe(made: Transaction) -> dict[str, object]:
    """What a transaction does, for the person who signs it: amounts are of 10^-18 AI."""
    fields = made.body.__dataclass_fields__
    body = {_camel(name): _plain(name, getattr(made.body, name)) for name in fields}
    return {
        "kind": made.kind.name.lower(),
        "networkId": made.network_id,
        "sender": format_address(made.sender),
        "nonce": made.nonce,
        "feeMax": str(made.fee_max),
        "tip": str(made.tip),
        "validUntil": made.valid_until,
        **body,
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def _plain(name: str, value: object) -> object:
    match value:
        case Role():
            return value.name.lower()
        case bytes() if name in ("to", "target"):
            return format_address(value)
        case bytes() if name == "peer_id":
            return peer_id_text(value)
        case bytes() if len(value) > SHOWN_BYTES:
            return f"0x{value[:SHOWN_BYTES].hex()}… ({len(value)} bytes)"
        case bytes():
            return "0x" + value.hex()
        case _:
            return str(value)


def _object(text: str, form: str) -> Mapping[str, Any]:
    if len(text) > FILE_MAX_CHARS:
        raise DecodeError(f"a transaction file has at most {FILE_MAX_CHARS} characters")
    try:
        given = load_shallow(text.encode())
    except (ValueError, RecursionError):
        raise DecodeError("a transaction file is a JSON object") from None
    if not isinstance(given, dict) or given.get("format") != form:
        raise DecodeError(f"the format of this file is not {form}")
    return given


def _bytes(given: Mapping[str, Any], name: str) -> bytes:
    text = given.get(name)
    if not isinstance(text, str):
        raise DecodeError(f"a transaction file has bytes called {name}")
    return parse_hex(text, TRANSACTION_MAX_BYTES)
