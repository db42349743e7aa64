"""The second check, and the silence of a validator whose log is new."""

import pytest

from consensus.errors import DoubleSign
from consensus.guard import (
    Head,
    Probation,
    SignedSlots,
    has_heard_quorum,
    is_repeat,
    may_cast,
    may_start_signing,
)
from consensus.records import CertificateSeen, HeightFinal, ProposalCast, VoteCast
from consensus.votes import VotePhase, cancel_vote
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_electorate,
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


# --- a new log ------------------------------------------------------------------------------------


def probation(*heads: Head) -> Probation:
    heard = Probation(make_electorate(), {})
    for index, head in enumerate(heads):
        heard = heard.with_hello(index, head)
    return heard


NEW = Head(0, 0, 1)


def test_a_lonely_validator_signs_at_once() -> None:
    alone = Probation(make_electorate((1,)), {0: NEW})
    assert may_start_signing(alone, epoch=0, final_view=0)


def test_nothing_is_signed_before_a_quorum_was_heard() -> None:
    assert not may_start_signing(probation(NEW, NEW), epoch=0, final_view=0)
    assert not has_heard_quorum(probation(NEW, NEW))


def test_a_chain_that_just_begins_is_signed_at_once() -> None:
    assert may_start_signing(probation(NEW, NEW, NEW), epoch=0, final_view=0)


def test_one_liar_cannot_keep_a_chain_from_beginning() -> None:
    heard = probation(NEW, Head(1, 0, 1), NEW)
    assert has_heard_quorum(heard)
    assert not may_start_signing(heard, epoch=0, final_view=0)
    assert may_start_signing(heard.with_hello(3, NEW), epoch=0, final_view=0)


def test_nor_does_one_make_a_living_chain_look_new() -> None:
    heard = probation(NEW, Head(9, 0, 9), NEW).with_hello(3, Head(9, 0, 9))
    assert not may_start_signing(heard, epoch=0, final_view=9)


def test_on_a_living_chain_a_distance_of_64_views_is_kept() -> None:
    heard = probation(NEW, Head(40, 0, 41), Head(39, 0, 40))
    assert not may_start_signing(heard, epoch=0, final_view=41 + 64)
    assert may_start_signing(heard, epoch=0, final_view=41 + 65)


def test_or_the_first_final_of_a_later_instance() -> None:
    heard = probation(NEW, Head(40, 2, 9), Head(12, 1, 200))
    assert not may_start_signing(heard, epoch=1, final_view=500)
    assert not may_start_signing(heard, epoch=2, final_view=73)
    assert may_start_signing(heard, epoch=2, final_view=74)
    assert not may_start_signing(heard, epoch=3, final_view=0)
    assert may_start_signing(heard, epoch=3, final_view=1)


def test_only_the_first_word_before_the_quorum_counts() -> None:
    heard = probation(NEW, NEW).with_hello(1, Head(9, 0, 9)).with_hello(2, Head(5, 0, 7))
    assert heard.heard[1] == NEW
    assert heard.with_hello(3, Head(900, 3, 1)).heard.keys() == {0, 1, 2}
