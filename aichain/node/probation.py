"""Lets a validator whose log is new sign again, once nothing it may have signed can still count."""

import logging
from collections.abc import Collection, Mapping

import trio

from aichain.chain import Chain
from aichain.node.ballots import Ballots
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.syncer import Syncer
from consensus.core.events import VotingAllowed
from consensus.electorate import Electorate
from consensus.probation import Head, Probation, may_start_signing
from consensus.quorum import reaches_quorum
from consensus.records import SigningAllowed
from genesis.limits import STANDING_BLOCK_TIMES
from genesis.units import address_of_key

log = logging.getLogger(__name__)

POLL_S = 0.1
STANDS = (
    "the chain stands, so the 64 final views that this validator waits for may never come; if its "
    "vote is missing and its old process is dead for good, start it again with "
    "--vouch-for-vote-log"
)
VOUCHED = (
    "--vouch-for-vote-log: the chain stands, so this validator signs without knowing what it "
    "signed before and may contradict it; where validators with 38 % of the stake do, the chain "
    "can fork"
)


class ProbationWatch:
    """The rule is `consensus.probation.may_start_signing`; this feeds it what peers say.

    An operator may vouch for the log: then a chain that stands ends the probation, too. A chain
    that moves does not need this vote, and is where a forgotten one could do harm.
    """

    def __init__(
        self,
        engine: Engine,
        chain: Chain,
        context: NodeContext,
        ballots: Ballots,
        syncer: Syncer,
    ) -> None:
        self._engine = engine
        self._ballots = ballots
        self._chain = chain
        self._context = context
        self._syncer = syncer
        consensus = context.document.consensus
        self._standstill = Standstill(STANDING_BLOCK_TIMES * consensus.block_time_ms / 1000)

    async def run(self, is_vouched_for: bool) -> None:
        """Ends when the core may sign, member or not: whoever has a key may be one next epoch.

        The log says so first, for good: until then every start begins a probation.
        """
        state = self._engine.state
        own: dict[int, Head] = {}
        if state.me is not None:
            own[state.me] = Head(self._chain.head.head.height, state.epoch, state.view)
            log.warning(
                "this validator's vote log is new: it signs once a quorum of stake has said hello "
                "and is at genesis%s, else 64 final views or an epoch from now",
                " or the chain stands (--vouch-for-vote-log)" if is_vouched_for else "",
            )
        probation = Probation(state.instance.electorate, own)
        present: Mapping[int, Head] = {}
        while not self._may_sign(probation):
            if own and self._stands(probation.electorate, {*own, *present}):
                log.warning(VOUCHED if is_vouched_for else STANDS)
                if is_vouched_for:
                    break
            await trio.sleep(POLL_S)
            present = self._present(probation.electorate)
            for index, head in present.items():
                probation = probation.with_hello(index, head)
        state = self._engine.state
        await self._ballots.allow(SigningAllowed(state.instance.id, state.epoch, state.view))
        log.info(
            "this validator's log is new; it signs from view %d of epoch %d on",
            state.view,
            state.epoch,
        )
        self._engine.post(VotingAllowed(self._context.clock.now_ms()))

    def _present(self, electorate: Electorate) -> dict[int, Head]:
        """The members we are connected to, and where they stand."""
        heads = {}
        for peer in self._context.network.peers():
            member = electorate.index_of(address_of_key(peer.validator_key))
            if member is not None:
                heads[member] = Head(peer.final_height, peer.epoch, peer.view)
        return heads

    def _may_sign(self, probation: Probation) -> bool:
        state = self._engine.state
        return may_start_signing(probation, epoch=state.epoch, final_view=state.final_view)

    def _stands(self, electorate: Electorate, present: Collection[int]) -> bool:
        """True once for each place where the chain stands although a quorum is connected."""
        weight = sum(electorate.weights[member] for member in present)
        if self._syncer.syncing or not reaches_quorum(weight, electorate.total):
            self._standstill.forget()
            return False
        state = self._engine.state
        return self._standstill.begins((state.epoch, state.view, state.final_view))


class Standstill:
    """Notices that neither views nor final blocks have moved for a while.

    It goes by what our own core has proof of, so that no peer's claim can hold it up. By then all
    certificates were said again (R9), and our view is as high as anybody's.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._place: tuple[int, int, int] | None = None
        self._since_s = 0.0
        self._was_told = False

    def forget(self) -> None:
        """Start over: we hear too few to know."""
        self._place = None

    def begins(self, place: tuple[int, int, int]) -> bool:
        """True once for each place where the chain stands."""
        now_s = trio.current_time()
        if place != self._place:
            self._place, self._since_s, self._was_told = place, now_s, False
        if self._was_told or now_s - self._since_s < self._after_s:
            return False
        self._was_told = True
        return True
