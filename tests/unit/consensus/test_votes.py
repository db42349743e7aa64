"""What a vote signs, and its form on the wire."""

from dataclasses import replace

import pytest

from consensus.errors import MalformedVote
from consensus.votes import (
    VOTE_SIGNATURE_BYTES,
    SignedVote,
    Vote,
    VotePhase,
    cancel_vote,
    decode_vote,
    encode_vote,
)
from native.codec import Value, decode, encode
from native.errors import DecodeError, InvalidData
from native.hashing import ZERO_HASH, Hash32

INSTANCE = Hash32(b"\x11" * 32)
BLOCK = Hash32(b"\x22" * 32)
PREFER = Vote(INSTANCE, VotePhase.PREFER, 7, 5, BLOCK)
SIGNED = SignedVote(PREFER, 3, 2, b"\x55" * VOTE_SIGNATURE_BYTES)


def test_a_vote_signs_86_bytes_of_fixed_layout() -> None:
    assert PREFER.signing_bytes == (
        b"AICV1" + INSTANCE + b"\x01" + (7).to_bytes(8, "big") + (5).to_bytes(8, "big") + BLOCK
    )
    assert len(cancel_vote(INSTANCE, 7).signing_bytes) == 86


def test_every_field_changes_what_is_signed() -> None:
    variants = {
        PREFER,
        replace(PREFER, instance_id=BLOCK),
        replace(PREFER, phase=VotePhase.COMMIT),
        replace(PREFER, view=8),
        replace(PREFER, height=6),
        replace(PREFER, block_id=INSTANCE),
        cancel_vote(INSTANCE, 7),
    }
    assert len({vote.signing_bytes for vote in variants}) == len(variants) == 7


@pytest.mark.parametrize(("view", "height"), [(0, 5), (2**64, 5), (7, 2**64), (-1, 5)])
def test_a_vote_out_of_range_cannot_be_built(view: int, height: int) -> None:
    with pytest.raises(MalformedVote):
        replace(PREFER, view=view, height=height)


def test_a_cancel_that_names_a_block_cannot_be_built() -> None:
    with pytest.raises(MalformedVote):
        Vote(INSTANCE, VotePhase.CANCEL, 7, 0, BLOCK)
    with pytest.raises(MalformedVote):
        Vote(INSTANCE, VotePhase.CANCEL, 7, 5, ZERO_HASH)


@pytest.mark.parametrize("vote", [PREFER, cancel_vote(INSTANCE, 9)])
def test_the_wire_form_comes_back(vote: Vote) -> None:
    signed = replace(SIGNED, vote=vote)
    raw = encode(encode_vote(signed))
    received = decode_vote(decode(raw, max_bytes=4096, max_items=16))
    assert received.bind(INSTANCE) == signed


def test_the_wire_form_is_small() -> None:
    assert len(encode(encode_vote(SIGNED))) < VOTE_SIGNATURE_BYTES + 64


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, 1),  # the fast lane is not open
        (2, 1),  # nor are terms
        (3, 0),
        (3, 4),
        (4, 0),
        (5, b""),
        (6, b""),  # a PREFER without block
        (6, b"\x22" * 31),
        (7, 64),
        (8, b"\x55" * (VOTE_SIGNATURE_BYTES + 1)),
    ],
)
def test_a_bad_field_is_refused(field: int, value: Value) -> None:
    fields = encode_vote(SIGNED)
    fields[field] = value
    with pytest.raises(InvalidData):
        decode_vote(fields)


@pytest.mark.parametrize(("field", "value"), [(5, 1), (6, b"\x22" * 32)])
def test_a_cancel_that_names_a_block_is_refused(field: int, value: Value) -> None:
    fields = encode_vote(replace(SIGNED, vote=cancel_vote(INSTANCE, 7)))
    fields[field] = value
    with pytest.raises(InvalidData):
        decode_vote(fields)


def test_a_field_more_or_less_is_refused() -> None:
    fields = encode_vote(SIGNED)
    for wrong in (fields[:-1], [*fields, 0], 7, b""):
        with pytest.raises(DecodeError):
            decode_vote(wrong)
