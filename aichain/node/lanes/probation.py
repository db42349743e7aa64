"""Lets a validator sign again whose log is new, or ahead of a chain that was lost."""

import logging
from collections.abc import Mapping

import trio

from aichain.clock_offset import allowed_offset_ms
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.lanes.ballots import LaneBallots
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.probation import POLL_S, STANDS, VOUCHED, Standstill
from consensus.core.events import VotingAllowed
from consensus.electorate import Electorate
from consensus.lanes.probation import (
    head_at,
    is_later,
    may_start_signing,
    may_start_signing_after,
)
from consensus.lanes.state import Lanes
from consensus.probation import Head, Probation
from consensus.quorum import reaches_quorum
from consensus.records import SigningAllowed
from genesis.limits import STANDING_BLOCK_TIMES
from genesis.units import address_of_key

log = logging.getLogger(__name__)


class LaneProbation:
    """`floor` is the last checkpoint that a log knows decided; a new log knows nothing (None)."""

    def __init__(
        self,
        engine: LaneEngine,
        context: NodeContext,
        ballots: LaneBallots,
        syncer: LaneSyncer,
        clock_watch: ClockWatch,
        floor: int | None,
    ) -> None:
        self._engine = engine
        self._context = context
        self._ballots = ballots
        self._syncer = syncer
        self._clock_watch = clock_watch
        self._floor = floor
        self._started_ms = context.clock.now_ms()
        self._later: int | None = None
        block_s = context.document.consensus.block_time_ms / 1000
        self._standstill = Standstill(STANDING_BLOCK_TIMES * block_s)

    async def run(self, is_vouched_for: bool) -> None:
        """Ends when the lanes may sign."""
        if self._floor is None:
            await self._serve(is_vouched_for=is_vouched_for)
        else:
            log.warning(
                "the chain is behind this validator's vote log: it signs after checkpoint %d",
                self._floor,
            )
            while self._engine.state.number <= self._floor:  # noqa: ASYNC110 the engine's own pace
                await trio.sleep(POLL_S)
        log.info("this validator signs from checkpoint %d on", self._engine.state.number)
        self._engine.post(VotingAllowed(self._context.clock.now_ms()))

    async def _serve(self, *, is_vouched_for: bool) -> None:
        """The log says that it may sign first, for good: until then every start begins anew."""
        ballot = self._engine.state.ballot.core
        own = {} if ballot.me is None else {ballot.me: head_at(self._engine.state.number)}
        log.warning(
            "this validator's vote log is new: it signs once a quorum of stake has said hello and "
            "is at genesis, else three checkpoints from now"
        )
        probation = Probation(ballot.instance.electorate, own)
        present: Mapping[int, Head] = {}
        while not self._may_start(probation):
            if own and self._stands(probation.electorate, {*own, *present}):
                log.warning(VOUCHED if is_vouched_for else STANDS)
                if is_vouched_for:
                    break
            await trio.sleep(POLL_S)
            present = self._present(probation.electorate)
            for index, head in present.items():
                probation = probation.with_hello(index, head)
        instance = self._engine.state.ballot.instance
        await self._ballots.allow(SigningAllowed(instance.id, instance.epoch, 1))

    def _may_start(self, probation: Probation) -> bool:
        """By what a quorum says, or by stamps: each is enough alone."""
        number = self._engine.state.number
        if may_start_signing(probation, number):
            return True
        self._note_stamp()
        return self._later is not None and may_start_signing_after(self._later, number)

    def _note_stamp(self) -> None:
        """The start counts from when our clock was right: nothing is later while it is not."""
        checkpoint, now_ms = self._engine.state.checkpoint, self._context.clock.now_ms()
        allowed_ms = allowed_offset_ms(self._context.document.consensus)
        is_behind = checkpoint.timestamp_ms > now_ms + allowed_ms  # a quorum's clocks are right
        if is_behind or self._clock_watch.trouble:
            self._started_ms, self._later = now_ms, None
        elif self._later is None and is_later(checkpoint, self._started_ms):
            self._later = checkpoint.number

    def _present(self, electorate: Electorate) -> dict[int, Head]:
        heads = {}
        for peer in self._context.network.peers():
            member = electorate.index_of(address_of_key(peer.validator_key))
            if member is not None:
                heads[member] = head_at(max(1, peer.view))
        return heads

    def _stands(self, electorate: Electorate, present: set[int]) -> bool:
        """True once for each place where the chain stands although a quorum is heard."""
        weight = sum(electorate.weights[member] for member in present)
        if self._syncer.syncing or not reaches_quorum(weight, electorate.total):
            self._standstill.forget()
            return False
        return self._standstill.begins(place_of(self._engine.state))


def place_of(state: Lanes) -> tuple[int, int, int]:
    """What moves when anything does: the checkpoint, its ballot, and the newest term."""
    last = state.terms[-1].core.view if state.terms else 0
    return state.number, state.ballot.core.view, last
