"""Two checkpoints that one ballot of the hard lane made final: who signed for both."""

from dataclasses import replace

import pytest

from consensus.certificates import QuorumCertificate
from consensus.errors import ForkUnproven, NoFork
from consensus.fork_files import (
    decode_disclosure,
    decode_fork_proof,
    encode_disclosure,
    encode_fork_proof,
)
from consensus.fork_proof import Disclosure, Epoch, prove_fork, verify_fork_proof
from consensus.votes import Lane, VotePhase, cancel_vote
from genesis.checkpoints import Checkpoint
from native.batch import verify_many
from native.hashing import derive_hash
from tests.builders_light import FOUR, GENESIS_HASH, LightChain, sign

CHAIN = LightChain.of(4)
NUMBER, BEFORE = 11, derive_hash("aichain/test/checkpoint/v1", b"before")
BALLOT = Epoch(GENESIS_HASH, CHAIN.headers[4].epoch, BEFORE, FOUR, NUMBER)


def decided(salt: int, view: int = 1) -> Checkpoint:
    """What somebody proposed in this view."""
    blank = CHAIN.checkpoint(4)
    return replace(blank, parent_id=BEFORE, view=view, timestamp_ms=blank.timestamp_ms + salt)


def certify(
    checkpoint: Checkpoint, phase: VotePhase, view: int, *voters: int, lane: Lane = Lane.HARD
) -> QuorumCertificate:
    header = replace(CHAIN.headers[4], view=view)
    return sign(header, FOUR, BEFORE, voters=voters, phase=phase, checkpoint=checkpoint, lane=lane)


def side(salt: int, *voters: int, view: int = 1) -> Disclosure:
    checkpoint = decided(salt, view)
    final = certify(checkpoint, VotePhase.COMMIT, view, *voters)
    return Disclosure(BALLOT, (checkpoint,), (final,))


LEFT, RIGHT = side(1, 0, 1, 2), side(2, 1, 2, 3)
PROOF = prove_fork([LEFT, RIGHT], verify_many)


def test_two_checkpoints_of_one_ballot_convict_who_signed_both() -> None:
    verify_fork_proof(PROOF, verify_many)
    assert (PROOF.height, PROOF.lacking) == (NUMBER, ())
    assert PROOF.offenders == {1: 100, 2: 100}


def test_files_come_back_as_they_were() -> None:
    assert decode_disclosure(encode_disclosure(LEFT)) == LEFT
    assert decode_fork_proof(encode_fork_proof(PROOF)) == PROOF


def test_a_later_view_lacks_the_null_that_led_there() -> None:
    late = side(2, 1, 2, 3, view=2)
    proof = prove_fork([LEFT, late], verify_many)
    assert proof.evidence == ()
    assert proof.lacking == (cancel_vote(BALLOT.instance_id, 1),)


def test_other_ballots_are_no_fork_of_this_one() -> None:
    with pytest.raises(NoFork):
        prove_fork([LEFT, replace(RIGHT, epoch=replace(BALLOT, checkpoint=12))], verify_many)
    with pytest.raises(NoFork):
        prove_fork([LEFT, LEFT], verify_many)


def test_what_a_committee_signed_proves_nothing() -> None:
    fast = certify(decided(2), VotePhase.COMMIT, 1, 1, 2, 3, lane=Lane.FAST)
    with pytest.raises(NoFork):
        prove_fork([LEFT, replace(RIGHT, certificates=(fast,))], verify_many)
    bent = replace(PROOF, sides=(PROOF.sides[0], replace(PROOF.sides[1], certificate=fast)))
    with pytest.raises(ForkUnproven):
        verify_fork_proof(bent, verify_many)
