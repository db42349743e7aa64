"""Certificates: assembly, shape, quorum, witnesses, and their canonical form."""

from dataclasses import replace

import pytest

from consensus.certificates import (
    assemble,
    certificate_witnesses,
    decode_certificate,
    encode_voters,
)
from consensus.electorate import Electorate, epoch_seed
from consensus.errors import InvalidCertificate, QuorumNotReached, VotersMalformed, WrongInstance
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.networks import founder_key, packaged_document
from native.codec import Value, decode, encode
from native.errors import InvalidData
from native.hashing import Hash32
from native.signatures import verify
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_electorate,
    make_state,
    make_vote,
)

STATE = make_state()
BLOCK = make_block(STATE, 1)
FINAL = make_certificate(STATE, VotePhase.COMMIT, 1, BLOCK, voters=(0, 1, 3))


def test_the_order_of_votes_does_not_matter() -> None:
    votes = [make_vote(STATE, voter, VotePhase.COMMIT, 1, BLOCK) for voter in (3, 0, 1)]
    assert assemble(votes, 4) == FINAL
    assert FINAL.voter_indices == (0, 1, 3)
    assert FINAL.voters == b"\x0b"


def test_a_certificate_comes_apart_into_its_votes() -> None:
    assert assemble(FINAL.votes(), 4) == FINAL
    assert {signed.voter_index for signed in FINAL.votes()} == {0, 1, 3}


def test_the_canonical_form_comes_back() -> None:
    raw = encode(FINAL.encode())
    assert decode_certificate(decode(raw, max_bytes=4096, max_items=64)) == FINAL


def test_a_quorum_passes_and_less_does_not() -> None:
    FINAL.check_quorum(STATE.instance.electorate)
    with pytest.raises(QuorumNotReached):
        make_certificate(STATE, VotePhase.COMMIT, 1, BLOCK, voters=(0, 1)).check_quorum(
            STATE.instance.electorate
        )


def test_weight_counts_not_heads() -> None:
    heavy = make_electorate((7, 1, 1, 1))
    light = make_certificate(STATE, VotePhase.COMMIT, 1, BLOCK, voters=(1, 2, 3))
    alone = make_certificate(STATE, VotePhase.COMMIT, 1, BLOCK, voters=(0,))
    alone.check_quorum(heavy)
    with pytest.raises(QuorumNotReached):
        light.check_quorum(heavy)


def test_another_epoch_is_refused() -> None:
    with pytest.raises(WrongInstance):
        FINAL.check_quorum(make_electorate(epoch=1))


@pytest.mark.parametrize(
    "voters",
    [b"", b"\x0b\x00", b"\x1b", b"\x8b", b"\x0f", b"\x03"],
    ids=["none", "too long", "a fifth of four", "the eighth", "one too many", "one too few"],
)
def test_a_bitmap_that_does_not_fit_is_refused(voters: bytes) -> None:
    with pytest.raises(VotersMalformed):
        replace(FINAL, voters=voters).check_quorum(STATE.instance.electorate)


def test_one_voter_cannot_be_set_twice() -> None:
    with pytest.raises(AssertionError):
        encode_voters([1, 1], 4)


def test_votes_for_different_things_make_no_certificate() -> None:
    other = make_block(STATE, 1, salt=1)
    votes = [make_vote(STATE, 0, VotePhase.COMMIT, 1, block) for block in (BLOCK, other)]
    with pytest.raises(AssertionError):
        assemble(votes, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [(0, b""), (2, 9), (3, 0), (5, b""), (6, bytes(9)), (7, [b"x"] * 65), (7, [bytes(5000)])],
)
def test_a_bad_field_is_refused(field: int, value: Value) -> None:
    fields = FINAL.encode()
    fields[field] = value
    with pytest.raises(InvalidData):
        decode_certificate(fields)


def test_a_null_that_names_a_block_is_refused() -> None:
    fields = FINAL.encode()
    fields[2] = int(VotePhase.CANCEL)
    with pytest.raises(InvalidData):
        decode_certificate(fields)


def test_the_witnesses_are_what_was_signed() -> None:
    document = packaged_document("devnet")
    electorate = Electorate.of(document.validator_set, 0, epoch_seed(document.seed, 0))
    vote = Vote(Hash32(bytes(32)), VotePhase.COMMIT, 1, 1, BLOCK.id)
    signature = founder_key("devnet", 0).sign(vote.signing_bytes, VOTE_CONTEXT)
    certificate = assemble([SignedVote(vote, 0, 0, signature)], 1)
    certificate.check_quorum(electorate)
    (item,) = certificate_witnesses(certificate, document.validator_set)
    assert verify(item.public_key, item.message, item.context, item.signature)
    assert not verify(item.public_key, item.message, b"aichain/prop/v1", item.signature)


def test_all_refusals_are_invalid_certificates() -> None:
    assert issubclass(QuorumNotReached, InvalidCertificate)
    assert issubclass(VotersMalformed, InvalidCertificate)
