"""After a crash: what was signed stays signed, and the core goes on where the log ends."""

from collections.abc import Sequence

import pytest

from consensus.certificates import QuorumCertificate
from consensus.core.effects import (
    BroadcastCertificate,
    CastProposal,
    CastVote,
    EnterEpoch,
    Finalize,
    TimerName,
)
from consensus.core.events import BlockBuilt, BlockExecuted, Started
from consensus.core.recovery import restore
from consensus.core.state import State
from consensus.instance import BlockRef
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
)
from consensus.votes import VotePhase, cancel_vote
from tests.builders_consensus import (
    GENESIS,
    START_MS,
    Driver,
    make_block,
    make_certificate,
    make_config,
    make_electorate,
    make_proposal,
    make_state,
    make_vote,
)

PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL
FRESH = make_state(1)
FIRST = make_block(FRESH, 1)
ELECTORATES = {epoch: make_electorate(epoch=epoch) for epoch in range(4)}


def back(
    *records: Record,
    start: BlockRef = GENESIS,
    tip: BlockRef = GENESIS,
    certificate: QuorumCertificate | None = None,
    epoch_blocks: int = 4,
    durable: Sequence[BlockRef] = (),
    me: int = 1,
) -> Driver:
    config = make_config(me, epoch_blocks=epoch_blocks)
    state = restore(config, start, tip, certificate, ELECTORATES, records, abstain=False)
    driver = Driver(state)
    driver.feed(*(BlockExecuted(block, START_MS) for block in durable))
    driver.feed(Started(START_MS))
    return driver


def cast(phase: VotePhase, view: int, block: BlockRef | None = None) -> VoteCast:
    return VoteCast(make_vote(FRESH, 1, phase, view, block).vote, 0)


def test_without_a_log_it_begins_at_view_1() -> None:
    driver = back()
    assert (driver.state.view, driver.state.epoch) == (1, 0)
    assert EnterEpoch(0, driver.state.instance) in driver.effects


def test_a_preferred_view_is_not_preferred_again() -> None:
    driver = back(cast(PREFER, 1, FIRST))
    driver.effects.clear()
    driver.accept(make_block(driver.state, 1, salt=1))
    assert driver.cast(PREFER) == []


def test_a_cancelled_view_is_not_committed() -> None:
    driver = back(cast(CANCEL, 1))
    driver.notarize(1, FIRST)
    assert driver.cast(COMMIT) == []


def test_a_committed_view_is_left() -> None:
    driver = back(cast(COMMIT, 1, FIRST))
    assert driver.state.view == 2
    assert driver.state.at(1).committed is not None


def test_a_proposal_is_not_made_twice() -> None:
    proposer = FRESH.instance.proposer(1)
    state = make_state(proposer)
    record = ProposalCast(make_proposal(state, FIRST).proposal)
    driver = back(record, me=proposer)
    other = make_block(driver.state, 1, salt=3)
    driver.feed(BlockBuilt(driver.state.instance.id, 1, other, START_MS))
    assert not any(isinstance(effect, CastProposal) for effect in driver.effects)
    asked = driver.fire(TimerName.RETRY)  # but said again, as it was
    assert CastProposal(record.proposal) in asked


def test_votes_are_said_again_after_a_while() -> None:
    record = cast(PREFER, 1, FIRST)
    driver = back(record)
    assert CastVote(record.vote, 0) in driver.fire(TimerName.RETRY)


def test_certificates_take_it_to_its_view() -> None:
    notar = make_certificate(FRESH, PREFER, 1, FIRST)
    null = make_certificate(FRESH, CANCEL, 2)
    driver = back(CertificateSeen(notar), CertificateSeen(null))
    assert driver.state.view == 3
    assert BroadcastCertificate(null) in driver.fire(TimerName.RETRY)


def test_a_final_in_the_log_is_acted_on_once_its_blocks_are_there() -> None:
    final = make_certificate(FRESH, COMMIT, 1, FIRST)
    assert back(CertificateSeen(final)).state.final == GENESIS
    driver = back(CertificateSeen(final), durable=(FIRST,))
    assert Finalize(final, (FIRST,)) in driver.effects
    assert driver.state.final == FIRST


def test_the_tip_is_where_it_goes_on() -> None:
    final = make_certificate(FRESH, COMMIT, 6, FIRST)
    driver = back(cast(PREFER, 3, FIRST), tip=FIRST, certificate=final)
    assert (driver.state.final_view, driver.state.view) == (6, 7)
    assert driver.state.views == {}


def test_the_floor_of_a_pruned_log_holds() -> None:
    """The database lost its last block, the log did not: nothing below is signed again."""
    driver = back(HeightFinal(FRESH.instance.id, 0, 6, 1, FIRST.id))
    assert driver.state.view == 7


def test_records_of_another_instance_are_not_ours() -> None:
    foreign = VoteCast(cancel_vote(FIRST.id, 1), 0)
    driver = back(foreign)
    assert driver.state.at(1).cancelled is None


def edge() -> tuple[State, BlockRef, QuorumCertificate]:
    state = make_state(1, epoch_blocks=1)
    last = make_block(state, 1)
    return state, last, make_certificate(state, COMMIT, 1, last)


def test_at_an_edge_it_goes_on_in_the_next_instance() -> None:
    _, last, final = edge()
    driver = back(start=last, tip=last, certificate=final, epoch_blocks=1)
    assert (driver.state.epoch, driver.state.view) == (1, 1)
    assert driver.state.edge_certificate == final


def test_the_log_of_a_later_instance_is_kept_for_the_edge() -> None:
    """The database is one epoch behind the log: the edge is walked, then the log applies."""
    _, last, final = edge()
    later = back(start=last, tip=last, certificate=final, epoch_blocks=1).state
    record = VoteCast(cancel_vote(later.instance.id, 3), 1)
    driver = back(CertificateSeen(final), record, durable=(last,), epoch_blocks=1)
    assert (driver.state.epoch, driver.state.view) == (1, 3)
    assert driver.state.at(3).cancelled == record.vote
    assert driver.state.later_records == ()


def test_a_tip_without_its_final_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        back(tip=FIRST)
    with pytest.raises(AssertionError):
        back(
            tip=FIRST, certificate=make_certificate(FRESH, COMMIT, 1, make_block(FRESH, 1, salt=1))
        )


@pytest.mark.parametrize(
    "ahead",
    [
        HeightFinal(FRESH.instance.id, 1, 3, 5, FIRST.id),
        VoteCast(cancel_vote(FRESH.instance.id, 1), 1),
        SigningAllowed(FRESH.instance.id, 1, 2),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_log_ahead_of_a_lost_chain_keeps_the_core_silent(ahead: Record) -> None:
    """The database was moved away; the log stayed. Its guard would refuse what is signed below."""
    driver = back(cast(PREFER, 1, FIRST), ahead, durable=(FIRST,))
    driver.notarize(1, FIRST)
    for name in (TimerName.CANCEL, TimerName.RETRY, TimerName.SYNC):
        driver.fire(name)
    assert driver.cast() == []
    assert not any(isinstance(effect, CastProposal) for effect in driver.effects)


def test_above_the_floor_of_its_own_epoch_it_signs() -> None:
    driver = back(HeightFinal(FRESH.instance.id, 0, 6, 1, FIRST.id), cast(PREFER, 6, FIRST))
    assert (driver.state.epoch, driver.state.view) > driver.state.floor == (0, 6)
    driver.fire(TimerName.RETRY)
    assert driver.cast() == [], "what the floor covers is not said again"
    driver.fire(TimerName.CANCEL)
    assert [vote.view for vote in driver.cast()] == [7]
