"""The second check before a signature: what the log holds is never contradicted."""

import pytest

from consensus.errors import DoubleSign
from consensus.guard import SignedSlots, is_repeat, may_cast
from consensus.records import CertificateSeen, HeightFinal, ProposalCast, VoteCast
from consensus.votes import VotePhase, cancel_vote
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_proposal,
    make_state,
    make_vote,
)

STATE = make_state()
ONE, OTHER = make_block(STATE, 4), make_block(STATE, 4, salt=1)

PREFER = VoteCast(make_vote(STATE, 0, VotePhase.PREFER, 4, ONE).vote, 0)
PREFER_OTHER = VoteCast(make_vote(STATE, 0, VotePhase.PREFER, 4, OTHER).vote, 0)
COMMIT = VoteCast(make_vote(STATE, 0, VotePhase.COMMIT, 4, ONE).vote, 0)
COMMIT_OTHER = VoteCast(make_vote(STATE, 0, VotePhase.COMMIT, 4, OTHER).vote, 0)
CANCEL = VoteCast(cancel_vote(STATE.instance.id, 4), 0)
PROPOSAL = ProposalCast(make_proposal(STATE, ONE).proposal)
PROPOSAL_OTHER = ProposalCast(make_proposal(STATE, OTHER).proposal)
FINAL = HeightFinal(STATE.instance.id, 0, 4, 1, ONE.id)


def signed(*records: VoteCast | ProposalCast | HeightFinal | CertificateSeen) -> SignedSlots:
    slots = SignedSlots()
    for record in records:
        slots = slots.after(record)
    return slots


@pytest.mark.parametrize(
    ("before", "record"),
    [
        ((), PREFER),
        ((PREFER,), PREFER),
        ((PREFER,), COMMIT),
        ((PREFER,), COMMIT_OTHER),
        ((PREFER,), CANCEL),
        ((PROPOSAL,), PROPOSAL),
        ((PROPOSAL,), PREFER_OTHER),
        ((CANCEL,), CANCEL),
    ],
)
def test_what_an_honest_validator_signs_is_allowed(
    before: tuple[VoteCast, ...], record: VoteCast | ProposalCast
) -> None:
    may_cast(signed(*before), record)


@pytest.mark.parametrize(
    ("before", "record"),
    [
        ((PREFER,), PREFER_OTHER),
        ((COMMIT,), COMMIT_OTHER),
        ((COMMIT,), CANCEL),
        ((CANCEL,), COMMIT),
        ((CANCEL,), PREFER),
        ((PROPOSAL,), PROPOSAL_OTHER),
        ((FINAL,), PREFER),
        ((FINAL,), PROPOSAL),
        ((PREFER, FINAL), PREFER),
    ],
)
def test_a_second_signature_for_a_slot_is_refused(
    before: tuple[VoteCast, ...], record: VoteCast | ProposalCast
) -> None:
    with pytest.raises(DoubleSign):
        may_cast(signed(*before), record)


def test_another_instance_of_the_same_epoch_is_refused() -> None:
    vote = make_vote(STATE, 0, VotePhase.PREFER, 4, ONE, instance_id=OTHER.id).vote
    with pytest.raises(DoubleSign):
        may_cast(signed(PREFER), VoteCast(vote, 0))


def test_after_the_next_epoch_the_last_one_is_closed() -> None:
    vote = make_vote(STATE, 0, VotePhase.PREFER, 1, ONE, instance_id=OTHER.id).vote
    with pytest.raises(DoubleSign):
        may_cast(signed(VoteCast(vote, 1)), PREFER)
    may_cast(signed(PREFER), VoteCast(vote, 1))


def test_only_what_is_in_the_log_is_a_repeat() -> None:
    slots = signed(PREFER, PROPOSAL)
    assert is_repeat(slots, PREFER)
    assert is_repeat(slots, PROPOSAL)
    assert not is_repeat(slots, PREFER_OTHER)
    assert not is_repeat(slots, PROPOSAL_OTHER)
    assert not is_repeat(slots, COMMIT)


def test_finality_forgets_the_slots_below_it() -> None:
    later = VoteCast(make_vote(STATE, 0, VotePhase.PREFER, 5, OTHER).vote, 0)
    slots = signed(PREFER, COMMIT, later, FINAL)
    assert list(slots.slots) == [(0, 5)]
    assert slots.floor == (0, 4)


def test_certificates_are_no_signatures_of_ours() -> None:
    seen = CertificateSeen(make_certificate(STATE, VotePhase.CANCEL, 4))
    assert signed(seen) == SignedSlots()
