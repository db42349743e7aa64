"""The envelope: ids, witnesses and the exactness of decoding."""

from dataclasses import replace
from typing import Any

import pytest

from genesis import limits
from genesis.units import U64_MAX, U128_MAX, Address
from native import codec
from native.errors import DecodeError, InvalidData
from native.hashing import blake3_256, derive_hash
from native.node_keys import PEER_ID_BYTES
from native.signatures import Algorithm, SigningKey, verify
from tests.builders_vm import (
    NETWORK_ID,
    address,
    key,
    make_registration,
    make_transaction,
    make_transfer,
    seal,
)
from vm.bodies import body_fields, body_from_fields
from vm.errors import (
    AmountIsZero,
    FieldHasWrongLength,
    FieldOutOfRange,
    PeerIdMalformed,
    RecipientIsZero,
    SenderMismatch,
    TransactionTooLarge,
    UnknownAlgorithm,
    UnknownKind,
    UnsupportedTransactionVersion,
)
from vm.transactions import (
    POSSESSION_CONTEXT,
    TRANSACTION_CONTEXT,
    Body,
    Kind,
    RegisterValidator,
    Role,
    Stake,
    Transaction,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    decode_transaction,
    possession_message,
    sign_possession,
    sign_transaction,
)

BODIES = (
    make_transfer(memo=b"for the tea"),
    Stake(Role.VALIDATOR, address(2), 5),
    Unstake(Role.DELEGATOR, address(3), 6),
    Withdraw(),
    make_registration(),
    Unjail(),
)
SIGNATURE = bytes(3309)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
@pytest.mark.parametrize("reveal", [True, False])
def test_every_kind_survives_the_wire(body: Body, reveal: bool) -> None:
    signed = seal(make_transaction(body), reveal=reveal)
    decoded = decode_transaction(signed.raw)
    assert decoded == signed
    assert decoded.transaction.body == body
    assert decoded.public_key == (key(2).public_key if reveal else b"")
    assert decoded.signature == SIGNATURE


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Kind.TRANSFER, 0x01),
        (Kind.STAKE, 0x14),
        (Kind.UNSTAKE, 0x15),
        (Kind.WITHDRAW, 0x16),
        (Kind.REGISTER_VALIDATOR, 0x17),
        (Kind.UNJAIL, 0x18),
    ],
)
def test_kinds_have_the_numbers_of_the_catalogue(kind: Kind, number: int) -> None:
    assert kind == number


def test_the_id_is_derived_from_the_first_array_alone() -> None:
    transaction = make_transaction()
    signed = seal(transaction)
    assert signed.id == derive_hash("aichain/tx/v1", transaction.unsigned_bytes)
    assert signed.id == transaction.id == seal(transaction, reveal=False).id
    assert signed.raw_hash == blake3_256(signed.raw)
    assert signed.raw_hash != seal(transaction, reveal=False).raw_hash


def test_every_field_changes_the_id() -> None:
    base = make_transaction()
    others = [
        replace(base, network_id=1),
        replace(base, sender=address(5)),
        replace(base, nonce=1),
        replace(base, fee_max=1),
        replace(base, tip=1),
        replace(base, valid_until=1),
        replace(base, body=make_transfer(memo=b"x")),
        replace(base, body=Withdraw()),
        replace(base, body=Unjail()),
    ]
    assert len({each.id for each in [base, *others]}) == len(others) + 1


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signature_verifies_under_its_context_only(algorithm: Algorithm) -> None:
    signer = SigningKey.from_seed(bytes(32), algorithm)
    sender = Address(blake3_256(signer.public_key)[:20])
    signed = sign_transaction(replace(make_transaction(), sender=sender), signer, reveal=True)
    assert decode_transaction(signed.raw) == signed
    assert verify(signer.public_key, signed.id, TRANSACTION_CONTEXT, signed.signature)
    assert not verify(signer.public_key, signed.id, b"aichain/vote/v1", signed.signature)
    assert signed.transaction.signing_bytes == signed.id


def test_only_the_senders_key_signs() -> None:
    with pytest.raises(SenderMismatch):
        sign_transaction(make_transaction(sender=2), key(3), reveal=True)


def test_weight_is_bytes_and_a_thousand_a_signature() -> None:
    transfer, registration = seal(make_transaction()), seal(make_transaction(make_registration()))
    assert transfer.weight == len(transfer.raw) + 1_000
    assert registration.weight == len(registration.raw) + 2_000


def test_a_proof_of_possession_binds_network_owner_and_key() -> None:
    message = possession_message(NETWORK_ID, address(2), key(40).public_key)
    proof = sign_possession(NETWORK_ID, address(2), key(40))
    assert verify(key(40).public_key, message, POSSESSION_CONTEXT, proof)
    others = [
        possession_message(NETWORK_ID + 1, address(2), key(40).public_key),
        possession_message(NETWORK_ID, address(3), key(40).public_key),
        possession_message(NETWORK_ID, address(2), key(41).public_key),
    ]
    assert len({message, *others}) == 4


def envelope(**changes: codec.Encodable) -> bytes:
    """The decoded envelope of a valid transfer with some fields replaced, encoded again."""
    fields: dict[str, codec.Encodable] = {
        "version": 1,
        "network_id": NETWORK_ID,
        "kind": 1,
        "sender": address(2),
        "nonce": 0,
        "fee_max": bytes(16),
        "tip": bytes(16),
        "valid_until": 9,
        "body": [address(3), (1).to_bytes(16, "big"), b""],
        "algorithm": 3,
        "public_key": key(2).public_key,
        "signature": SIGNATURE,
    }
    values = list((fields | changes).values())
    return codec.encode([values[:9], values[9:]])


def test_the_envelope_helper_is_valid_by_default() -> None:
    assert decode_transaction(envelope()).transaction.sender == address(2)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 2}, UnsupportedTransactionVersion),
        ({"version": b""}, DecodeError),
        ({"network_id": 2**32}, DecodeError),
        ({"kind": 0x02}, UnknownKind),
        ({"kind": 0x41}, UnknownKind),
        ({"kind": 256}, DecodeError),
        ({"sender": bytes(19)}, DecodeError),
        ({"sender": address(3)}, SenderMismatch),
        ({"nonce": U64_MAX}, FieldOutOfRange),
        ({"fee_max": bytes(15)}, DecodeError),
        ({"fee_max": 5}, DecodeError),
        ({"tip": bytes(17)}, DecodeError),
        ({"valid_until": b"9"}, DecodeError),
        ({"body": []}, DecodeError),
        ({"body": [bytes(20), (1).to_bytes(16, "big"), b""]}, RecipientIsZero),
        ({"body": [address(3), bytes(16), b""]}, AmountIsZero),
        ({"body": [address(3), (1).to_bytes(16, "big"), bytes(65)]}, DecodeError),
        ({"body": [address(3), (1).to_bytes(16, "big"), b"", 0]}, DecodeError),
        ({"kind": 0x14, "body": [3, address(2), (1).to_bytes(16, "big")]}, FieldOutOfRange),
        ({"kind": 0x14, "body": [1, address(2), bytes(16)]}, AmountIsZero),
        ({"kind": 0x16, "body": [1]}, DecodeError),
        ({"kind": 0x18, "body": [1]}, DecodeError),
        ({"algorithm": 4}, UnknownAlgorithm),
        ({"algorithm": 2}, DecodeError),
        ({"public_key": key(2).public_key[:-1]}, DecodeError),
        ({"public_key": key(3).public_key}, SenderMismatch),
        ({"signature": SIGNATURE[:-1]}, DecodeError),
        ({"signature": b""}, DecodeError),
    ],
)
def test_one_wrong_field_is_refused_by_name(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        decode_transaction(envelope(**changes))


def test_amounts_reach_the_whole_of_128_bits() -> None:
    body = [address(3), b"\xff" * 16, b""]
    decoded = decode_transaction(envelope(fee_max=b"\xff" * 16, tip=b"\xff" * 16, body=body))
    assert decoded.transaction.fee_max == decoded.transaction.tip == U128_MAX
    assert isinstance(decoded.transaction.body, Transfer)
    assert decoded.transaction.body.amount == U128_MAX


def test_oversize_bytes_are_refused_unread() -> None:
    with pytest.raises(TransactionTooLarge):
        decode_transaction(bytes(limits.TRANSACTION_MAX_BYTES + 1))


def test_a_longer_encoding_of_the_same_value_is_refused() -> None:
    raw = envelope()
    at = raw.index(b"\x01" + codec.encode([NETWORK_ID])[1:])
    for wide in (b"\xcc\x01", b"\xcd\x00\x01", b"\xcf" + bytes(7) + b"\x01"):
        with pytest.raises(DecodeError):
            decode_transaction(raw[:at] + wide + raw[at + 1 :])


def test_every_truncation_and_extension_is_refused() -> None:
    raw = seal(make_transaction()).raw
    for size in [*range(120), *range(120, len(raw), 97)]:
        with pytest.raises(InvalidData):
            decode_transaction(raw[:size])
    with pytest.raises(InvalidData):
        decode_transaction(raw + b"\x00")


def test_values_out_of_range_cannot_be_built() -> None:
    with pytest.raises(FieldOutOfRange):
        make_transaction(nonce=U64_MAX)
    with pytest.raises(FieldOutOfRange):
        make_transaction(tip=-1)
    with pytest.raises(FieldOutOfRange):
        make_transaction(fee_max=U128_MAX + 1)
    with pytest.raises(FieldHasWrongLength):
        Transaction(NETWORK_ID, Address(b"short"), 0, 0, 0, 0, Withdraw())


@pytest.mark.parametrize("peer_id", [b"", b"xx", bytes(PEER_ID_BYTES)])
def test_a_peer_id_that_nobody_can_have_is_named_when_it_is_decoded(peer_id: bytes) -> None:
    fields = body_fields(make_registration())
    fields[2] = peer_id
    with pytest.raises(PeerIdMalformed):
        body_from_fields(Kind.REGISTER_VALIDATOR, fields)
    fields[2] = bytes(PEER_ID_BYTES + 1)
    with pytest.raises(DecodeError):
        body_from_fields(Kind.REGISTER_VALIDATOR, fields)


def test_a_registration_is_within_its_ranges() -> None:
    good = make_registration()
    assert isinstance(good, RegisterValidator)
    for change, error in (
        ({"commission_bps": 10_001}, FieldOutOfRange),
        ({"onion_length": 0}, FieldOutOfRange),
        ({"onion_length": limits.ONION_LENGTH_MAX + 1}, FieldOutOfRange),
        ({"peer_id": b""}, PeerIdMalformed),
        ({"peer_id": b"xx"}, PeerIdMalformed),
        ({"peer_id": bytes(PEER_ID_BYTES)}, PeerIdMalformed),
        ({"peer_id": good.peer_id + b"\0"}, PeerIdMalformed),
        ({"public_key": bytes(1312)}, FieldHasWrongLength),
        ({"possession": b""}, FieldHasWrongLength),
        ({"stake": -1}, FieldOutOfRange),
    ):
        with pytest.raises(error):
            replace(good, **change)
