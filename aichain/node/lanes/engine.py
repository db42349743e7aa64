"""Owns the state of both lanes: an event in, `step`, its effects performed in order."""

from collections.abc import Callable
from typing import Final, TypeAlias

from aichain.clock import Clock
from aichain.node.electorates import Electorates
from aichain.node.evidence_book import EvidenceBook
from aichain.node.stepper import Stepper
from consensus.core.effects import Timer
from consensus.lanes.effects import LaneEffect
from consensus.lanes.events import CoreTimerFired, LaneEvent, Woke
from consensus.lanes.state import Lanes
from consensus.lanes.step import step
from consensus.lanes.voters import EpochVoters, term_blocks
from genesis.params import ConsensusParams
from native.hashing import Hash32

TimerKey: TypeAlias = tuple[Hash32, Timer] | None
WAKE: Final = None
"""The one timer that belongs to no instance."""


class LaneEngine(Stepper[Lanes, LaneEvent, LaneEffect]):
    """Steps both lanes of a chain whose validators may be too many to vote on every block."""

    def __init__(self, state: Lanes, params: ConsensusParams) -> None:
        super().__init__(state, step)
        self._params = params
        self.evidence = EvidenceBook()

    def voters_of(self, electorates: Electorates, epoch: int) -> EpochVoters:
        """Who votes in an epoch, what draws its committees, and how long their terms are."""
        return voters_of(electorates, epoch, self._params)

    def timer_fired(self, clock: Clock) -> Callable[[TimerKey], None]:
        """What happens when a deadline is due."""

        def fire(key: TimerKey) -> None:
            now_ms = clock.now_ms()
            self.post(Woke(now_ms) if key is None else CoreTimerFired(*key, now_ms))

        return fire


def voters_of(electorates: Electorates, epoch: int, params: ConsensusParams) -> EpochVoters:
    """Who votes in an epoch, what draws its committees, and how long their terms are."""
    electorate = electorates.electorate(epoch)
    blocks = term_blocks(len(electorate), params.full_set_limit, params.epoch_blocks)
    return EpochVoters(electorate, electorates.seed(epoch), blocks)
