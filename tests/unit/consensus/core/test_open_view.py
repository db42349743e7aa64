"""A view whose NOTAR died with everybody's memory is closed by the votes the logs still hold."""

import pytest

from consensus.core import voting
from consensus.core.effects import CastVote, Timer, TimerName
from consensus.core.events import BlockExecuted, Started, TimerFired, VoteAccepted
from consensus.core.recovery import replay
from consensus.records import CertificateSeen, Record, VoteCast
from consensus.votes import SignedVote, VotePhase
from genesis.limits import VIEWS_BEHIND_MAX
from tests.builders_consensus import (
    START_MS,
    Driver,
    make_block,
    make_certificate,
    make_state,
    make_vote,
)

MEMBERS = range(4)


def back_from_the_log(me: int, nulls: int) -> Driver:
    """Every member PREFERred and COMMITted block 1 in view 1; only NULLs of later views survive."""
    state = make_state(me)
    block = make_block(state, 1)
    records: list[Record] = [
        VoteCast(make_vote(state, me, phase, 1, block).vote, 0)
        for phase in (VotePhase.PREFER, VotePhase.COMMIT)
    ]
    records += [
        CertificateSeen(make_certificate(state, VotePhase.CANCEL, view))
        for view in range(2, 2 + nulls)
    ]
    driver = Driver(replay(state, records))
    driver.feed(BlockExecuted(block, START_MS), Started(START_MS))
    return driver


@pytest.mark.parametrize("nulls", [3, VIEWS_BEHIND_MAX + 9])
def test_all_restart_with_votes_but_no_certificate_and_the_chain_goes_on(nulls: int) -> None:
    drivers = [back_from_the_log(me, nulls) for me in MEMBERS]
    said: list[SignedVote] = []
    for me, driver in zip(MEMBERS, drivers, strict=True):
        timer = Timer(TimerName.RETRY, 0, driver.state.view)
        said += [
            SignedVote(effect.vote, 0, me, b"vote %d" % me)
            for effect in driver.feed(TimerFired(timer, START_MS + 10_000))
            if isinstance(effect, CastVote)
        ]
    for driver in drivers:
        for vote in said:
            driver.feed(VoteAccepted(vote, START_MS + 10_001))
        tip = voting.tip(driver.state)
        assert tip is not None, "there is something to build on again"
        assert tip.block_id == make_block(make_state(), 1).id
