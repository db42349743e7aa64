"""tests/vectors/wallet.json: what wallets in other languages have to make byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from aichain.client.messages import SignedMessage, verify_message
from genesis.units import format_address, parse_address
from native.errors import InvalidData
from native.signatures import verify
from tests.builders_wallet import KEYS, vectors
from vm.transactions import (
    POSSESSION_CONTEXT,
    TRANSACTION_CONTEXT,
    decode_transaction,
    decode_unsigned,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors/wallet.json").read_text("utf-8")
)
HEDGED = ("signature", "raw")


def unhedged(value: Any) -> Any:
    """Without what is another each time."""
    match value:
        case dict():
            return {name: unhedged(each) for name, each in value.items() if name not in HEDGED}
        case list():
            return [unhedged(each) for each in value]
        case _:
            return value


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def test_all_but_the_signatures_is_made_again() -> None:
    assert unhedged(vectors()) == unhedged(VECTORS)


def test_transactions_are_read_from_their_bytes() -> None:
    for given in VECTORS["transactions"]:
        read = decode_unsigned(raw(given["unsigned"]))
        assert (read.id, read.kind.name.lower()) == (raw(given["id"]), given["body"]["kind"])


def test_envelopes_are_signed_by_their_senders() -> None:
    for given in VECTORS["envelopes"]:
        signed, key = decode_transaction(raw(given["raw"])), KEYS[given["key"]]
        assert signed.id == raw(VECTORS["transactions"][given["transaction"]]["id"])
        assert signed.public_key == (key.public_key if given["reveal"] else b"")
        assert signed.signature == raw(given["signature"])
        assert str(signed.weight) == given["weight"]
        assert verify(key.public_key, signed.id, TRANSACTION_CONTEXT, signed.signature)


def test_messages_are_signed_by_their_keys() -> None:
    for given in VECTORS["messages"]:
        signed = SignedMessage.from_json(json.dumps(given["signed"]))
        address = verify_message(signed, raw(given["message"]))
        assert format_address(address) == VECTORS["keys"][given["key"]]["address"]


def test_the_proof_of_possession_verifies() -> None:
    given = VECTORS["possession"]
    key, message, signature = (raw(given[name]) for name in ("publicKey", "message", "signature"))
    assert verify(key, message, POSSESSION_CONTEXT, signature)


@pytest.mark.parametrize("text", VECTORS["refusedAddresses"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidData):
        parse_address(text)
