"""Signed messages: whose they are, and that they are nothing else that a key signs."""

from dataclasses import replace

import pytest

from aichain.client.messages import (
    MESSAGE_CONTEXT,
    MESSAGE_MAX_BYTES,
    SignedMessage,
    sign_message,
    signed_bytes,
    verify_message,
)
from genesis.entries import GENESIS_CONTEXT
from genesis.signed_bytes import CLOSE_CONTEXT, PROPOSAL_CONTEXT, VOTE_CONTEXT
from genesis.units import address_of_key
from native.errors import DecodeError, InvalidData, InvalidSignature
from native.hashing import derive_hash
from native.signatures import Algorithm, SigningKey, verify
from p2p.wire.handshake import HELLO_CONTEXT
from tests.builders_vm import make_transaction
from vm.transactions import POSSESSION_CONTEXT, TRANSACTION_CONTEXT

KEY = SigningKey.from_seed(b"\7" * 32)
OTHERS = (
    *(TRANSACTION_CONTEXT, POSSESSION_CONTEXT, VOTE_CONTEXT, PROPOSAL_CONTEXT, CLOSE_CONTEXT),
    *(GENESIS_CONTEXT, HELLO_CONTEXT),
)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_message_is_its_signers(algorithm: Algorithm) -> None:
    key = SigningKey.from_seed(b"\7" * 32, algorithm)
    read = SignedMessage.from_json(sign_message(key, b"I own this.").to_json())
    assert verify_message(read, b"I own this.") == address_of_key(key.public_key)


def test_the_signed_bytes_are_those_that_are_documented() -> None:
    signed = sign_message(KEY, b"hello")
    covered = derive_hash("aichain/msg/v1", b"hello")
    assert signed_bytes(b"hello") == covered
    assert verify(KEY.public_key, covered, b"aichain/msg/v1", signed.signature)


def test_another_message_another_key_or_another_address_is_refused() -> None:
    signed, other = sign_message(KEY, b"hello"), SigningKey.from_seed(b"\x08" * 32)
    with pytest.raises(InvalidSignature):
        verify_message(signed, b"hello!")
    with pytest.raises(InvalidSignature):
        verify_message(replace(signed, address=address_of_key(other.public_key)), b"hello")
    forged = SignedMessage(address_of_key(other.public_key), other.public_key, signed.signature)
    with pytest.raises(InvalidSignature):
        verify_message(forged, b"hello")


def test_a_message_is_no_transaction_and_no_vote_whatever_it_says() -> None:
    assert MESSAGE_CONTEXT not in OTHERS
    transaction = make_transaction()
    signed = sign_message(KEY, transaction.signing_bytes)
    for message in (transaction.signing_bytes, signed_bytes(transaction.signing_bytes)):
        for context in OTHERS:
            assert not verify(KEY.public_key, message, context, signed.signature)
    raw = KEY.sign(signed_bytes(b"hello"), TRANSACTION_CONTEXT)
    with pytest.raises(InvalidSignature):
        verify_message(replace(signed, signature=raw), b"hello")


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "{}", "5", "[" * 50_000, "x" * 70_000),
        '{"format": "aichain-message-v1"}',
        '{"format": "aichain-message-v1", "address": 5, "publicKey": "0x", "signature": "0x"}',
        '{"format": "aichain-message-v1", "address": "0x", "publicKey": "0x", "signature": "0x"}',
        '{"format": "aichain-message-v2", "address": "0x", "publicKey": "0x", "signature": "0x"}',
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_signed_message_is_refused(text: str) -> None:
    with pytest.raises(InvalidData):
        SignedMessage.from_json(text)


def test_a_message_has_a_limit() -> None:
    with pytest.raises(DecodeError):
        sign_message(KEY, bytes(MESSAGE_MAX_BYTES + 1))
