"""Wire values of the lanes: every value comes back exactly, and rubbish is refused by name."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.lanes.accusations import decode_accusation
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref, decode_checkpoint
from consensus.lanes.closes import (
    Close,
    CloseMessage,
    SignedClose,
    decode_close,
    decode_close_message,
    encode_close,
)
from consensus.lanes.proofs import decode_proof
from consensus.lanes.records import TermClosed, decode_lane_record, encode_lane_record
from consensus.votes import decode_lane_vote
from native.codec import decode, encode
from native.errors import InvalidData
from native.hashing import Hash32

numbers = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
seats = st.integers(0, 19)
checkpoints = st.builds(
    Checkpoint,
    numbers,
    hashes,
    hashes,
    numbers,
    st.booleans(),
    hashes,
    numbers,
    numbers,
    st.integers(0, 2**32 - 1),
    numbers,
)
closes = st.builds(
    SignedClose, st.builds(Close, hashes, numbers, hashes), numbers, numbers, seats, st.binary()
)
values = st.recursive(
    numbers | st.binary(max_size=40) | hashes,
    lambda inner: st.lists(inner, max_size=10),
    max_leaves=30,
)
DECODERS: list[Callable[[Any], object]] = [
    decode_accusation,
    decode_checkpoint,
    decode_close,
    decode_close_message,
    decode_proof,
    decode_lane_vote,
]


@given(checkpoints)
def test_a_checkpoint_comes_back_with_its_id(checkpoint: Checkpoint) -> None:
    wire = decode(encode(checkpoint.encode()), max_bytes=512, max_items=16)
    again = decode_checkpoint(wire)
    assert again == checkpoint
    assert (again.id, checkpoint_ref(again)) == (checkpoint.id, checkpoint_ref(checkpoint))


@given(checkpoints, checkpoints)
def test_two_checkpoints_have_two_ids(one: Checkpoint, other: Checkpoint) -> None:
    assert (one == other) == (one.id == other.id)


@given(closes)
def test_a_close_comes_back(signed: SignedClose) -> None:
    assert decode_close(encode_close(signed)) == signed


@given(hashes, hashes, seats)
def test_a_close_on_the_start_needs_no_certificate(name: Hash32, tip: Hash32, seat: int) -> None:
    message = CloseMessage(SignedClose(Close(name, 0, tip), 1, 2, seat, b"signature"), None)
    assert decode_close_message(message.encode()) == message


@given(hashes, numbers, numbers, numbers, hashes)
def test_a_closed_term_comes_back_from_the_log(
    name: Hash32, epoch: int, term: int, view: int, tip: Hash32
) -> None:
    record = TermClosed(name, epoch, term, view, tip)
    assert decode_lane_record(encode_lane_record(record)) == record


@pytest.mark.parametrize("decoder", DECODERS)
@given(value=values)
def test_rubbish_is_refused(decoder: Callable[[Any], object], value: object) -> None:
    with pytest.raises(InvalidData):
        decoder(value)


@given(st.binary(max_size=200))
def test_a_damaged_log_is_refused_or_means_what_it_says(raw: bytes) -> None:
    try:
        record = decode_lane_record(raw)
    except InvalidData:
        return
    assert encode_lane_record(record) == raw
