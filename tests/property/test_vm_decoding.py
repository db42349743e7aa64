"""Bytes from outside: decoders give a value that encodes back, or InvalidData, and nothing else."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import codec
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from tests.builders_evidence import BLANK, PROPOSALS, VOTES, make_evidence, report
from tests.builders_vm import (
    address,
    all_records,
    build,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.anchors import Anchor, decode_anchor, encode_anchor
from vm.blocks import decode_body, decode_header, encode_body
from vm.commitment import StateProof
from vm.epochs import CANDIDATES_KEY, decode_candidates, encode_candidates
from vm.mmr import MmrProof, prove_ancestor
from vm.offences import Offence, decode_offences, encode_offences
from vm.onions import decode_onion, encode_onion, onion_key
from vm.receipts import decode_receipt, encode_receipt
from vm.records import (
    Unbonding,
    decode_account,
    decode_amount_record,
    decode_unbondings,
    decode_validator,
    encode_account,
    encode_amount_record,
    encode_unbondings,
    encode_validator,
    validator_key,
)
from vm.system_bodies import Participation
from vm.transactions import Body, Role, Stake, Unjail, Withdraw, decode_transaction

Decoder: TypeAlias = Callable[[bytes], object]

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(0, 2**64 - 1),
        st.binary(max_size=40),
        st.sampled_from([bytes(16), bytes(20), bytes(32), bytes(1952), bytes(3309), 1, 3, 0x14]),
    ),
    lambda inner: st.lists(inner, max_size=10),
    max_leaves=40,
)


@functools.cache
def samples() -> dict[Decoder, list[bytes]]:
    """Valid bytes of every kind, to be damaged."""
    bodies: list[Body] = [
        make_transfer(memo=b"m"),
        make_registration(),
        Stake(Role.VALIDATOR, address(2), 9),
        Withdraw(),
        Unjail(),
    ]
    signed = [seal(make_transaction(body)) for body in bodies]
    signed += [report(make_evidence(make_state(), claims=each)) for each in (VOTES, PROPOSALS)]
    built = build(make_state(), [signed[0], seal(make_transaction(make_transfer(80), nonce=1))])
    signed.append(report(Participation(0, 7, b"\x05", (BLANK, BLANK))))
    records = all_records([make_state()])
    return {
        decode_transaction: [each.raw for each in signed],
        decode_header: [built.block.header.raw],
        decode_body: [encode_body(built.block.transactions), encode_body([])],
        decode_receipt: [encode_receipt(each) for each in built.receipts],
        StateProof.decode: [make_state().tree.prove(key).encode() for key in list(records)[:4]],
        MmrProof.decode: [prove_ancestor([built.block.id] * 9, 4).encode()],
        decode_account: [value for key, value in records.items() if key[:1] == b"a"],
        decode_validator: [records[validator_key(address(0))]],
        decode_onion: [records[onion_key(0)]],
        decode_candidates: [records[CANDIDATES_KEY]],
        decode_anchor: [encode_anchor(Anchor(4, ZERO_HASH, built.block.id, 10**20, b"\x03"))],
        decode_offences: [encode_offences([Offence(3, 9, 10**30, 7), Offence(0, 2**60, 1, 0)])],
        decode_amount_record: [value for key, value in records.items() if key[:1] == b"z"],
        decode_unbondings: [encode_unbondings([Unbonding(9, 1, address(0), 5)])],
    }


ENCODERS: dict[Decoder, Callable[[Any], bytes]] = {
    decode_transaction: lambda value: value.raw,
    decode_header: lambda value: value.raw,
    decode_body: encode_body,
    decode_receipt: encode_receipt,
    StateProof.decode: lambda value: value.encode(),
    MmrProof.decode: lambda value: value.encode(),
    decode_account: encode_account,
    decode_validator: encode_validator,
    decode_onion: encode_onion,
    decode_candidates: encode_candidates,
    decode_offences: encode_offences,
    decode_anchor: encode_anchor,
    decode_amount_record: encode_amount_record,
    decode_unbondings: encode_unbondings,
}
DECODERS = pytest.mark.parametrize("decode", list(ENCODERS), ids=lambda each: each.__qualname__)


def must_be_exact(decode: Decoder, raw: bytes) -> bool:
    """What decodes encodes back to the same bytes; what does not is InvalidData."""
    try:
        value = decode(raw)
    except InvalidData:
        return False
    assert ENCODERS[decode](value) == raw
    return True


@DECODERS
def test_samples_decode(decode: Decoder) -> None:
    assert all(must_be_exact(decode, raw) for raw in samples()[decode])


@DECODERS
@given(raw=st.binary(max_size=300))
def test_random_bytes(decode: Decoder, raw: bytes) -> None:
    must_be_exact(decode, raw)


@DECODERS
@given(value=VALUES)
def test_canonical_values_of_the_wrong_shape(decode: Decoder, value: codec.Value) -> None:
    must_be_exact(decode, codec.encode(value))


@DECODERS
@given(data=st.data())
def test_damaged_bytes(decode: Decoder, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(samples()[decode])))
    for _ in range(data.draw(st.integers(1, 4))):
        # Most damage goes to the front, where the structure is, not into keys and signatures.
        last = data.draw(st.sampled_from([min(len(raw), 160), len(raw)])) - 1
        place = data.draw(st.integers(0, max(0, last)))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set" if raw:
                raw[place] = data.draw(st.integers(0, 255))
            case "insert":
                raw[place:place] = data.draw(st.binary(min_size=1, max_size=9))
            case "delete":
                del raw[place : place + data.draw(st.integers(1, 9))]
            case "cut":
                del raw[place:]
            case _:
                pass
    must_be_exact(decode, bytes(raw))


@DECODERS
@given(data=st.data())
def test_one_field_replaced_in_a_valid_array(decode: Decoder, data: st.DataObject) -> None:
    """Well-formed all the way down except for one value somewhere."""
    raw = data.draw(st.sampled_from(samples()[decode]))
    value = codec.decode(raw, max_bytes=len(raw), max_items=1_000)
    spot = value
    while True:
        if not spot:
            break
        place = data.draw(st.integers(0, len(spot) - 1))
        inner = spot[place]
        if isinstance(inner, list) and data.draw(st.booleans()):
            spot = inner
            continue
        spot[place] = data.draw(VALUES)
        break
    must_be_exact(decode, codec.encode(value))
