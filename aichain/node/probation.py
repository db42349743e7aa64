"""Lets a validator whose log is new sign again, once nothing it may have signed can still count."""

import logging

import trio

from aichain.chain import Chain
from aichain.node.ballots import Ballots
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from consensus.core.events import VotingAllowed
from consensus.guard import Head, Probation, may_start_signing
from consensus.records import SigningAllowed
from genesis.units import address_of_key

log = logging.getLogger(__name__)

POLL_S = 0.1


class ProbationWatch:
    """The rule is `consensus.guard.may_start_signing`; this feeds it what peers say."""

    def __init__(
        self, engine: Engine, chain: Chain, context: NodeContext, ballots: Ballots
    ) -> None:
        self._engine = engine
        self._ballots = ballots
        self._chain = chain
        self._context = context

    async def run(self) -> None:
        """Ends when the core may sign, or at once if this node is no member.

        The log says so first, for good: until then every start begins a probation.
        """
        state = self._engine.state
        if state.me is None:
            return
        log.warning(
            "this validator's vote log is new: it signs once a quorum of stake has said hello and "
            "all of it is at genesis, else 64 final views or an epoch from now"
        )
        own = Head(self._chain.head.head.height, state.epoch, state.view)
        probation = Probation(state.instance.electorate, {state.me: own})
        while not self._is_over(probation):
            await trio.sleep(POLL_S)
            for peer in self._context.network.peers():
                if not peer.validator_key:
                    continue
                index = probation.electorate.index_of(address_of_key(peer.validator_key))
                if index is not None:
                    head = Head(peer.final_height, peer.epoch, peer.view)
                    probation = probation.with_hello(index, head)
        state = self._engine.state
        await self._ballots.allow(SigningAllowed(state.instance.id, state.epoch, state.view))
        log.info("this validator's log is new; it signs from here on")
        self._engine.post(VotingAllowed(self._context.clock.now_ms()))

    def _is_over(self, probation: Probation) -> bool:
        state = self._engine.state
        return may_start_signing(probation, epoch=state.epoch, final_view=state.final_view)
