"""Where the node stands, as RPC is told: the most frequent of all calls."""

from typing import Final

import trio

from aichain import __version__
from aichain.chain import Chain
from aichain.node.beside_chain import BesideChain
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.hard_core import hard_core, voting_of
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.syncer import LaneSyncer
from aichain.node.syncer import Syncer
from aichain.rpc.backend import NodeStatus

MADE_FOR_S: Final = 0.01
"""Peers come and go, and clocks are compared, without a new head or a step of the core: that is
seen so much later."""


class OwnStatus:
    """Reads memory alone; callers of the same moment are shown the same value."""

    def __init__(
        self,
        chain: Chain,
        engine: Engine | LaneEngine,
        syncer: Syncer | LaneSyncer,
        clock_watch: ClockWatch,
        context: NodeContext,
        beside: BesideChain,
    ) -> None:
        self._chain = chain
        self._engine = engine
        self._syncer = syncer
        self._clock_watch = clock_watch
        self._context = context
        self._archive, self._accounts = beside.archive, beside.accounts
        self._of: tuple[object, object] = (None, None)
        self._until_s = 0.0
        self._shown: NodeStatus | None = None

    def now(self) -> NodeStatus:
        """At most ten milliseconds old, and never of an earlier head or step of the core."""
        of, now_s = (self._chain.head, self._engine.state), trio.current_time()
        is_same = self._of[0] is of[0] and self._of[1] is of[1]
        if self._shown is None or not is_same or now_s >= self._until_s:
            self._shown, self._of, self._until_s = self._read(), of, now_s + MADE_FOR_S
        return self._shown

    def _read(self) -> NodeStatus:
        head, core = self._chain.head, hard_core(self._engine.state)
        document, network = self._context.document, self._context.network
        accounts = self._accounts
        accounts_trouble = "" if accounts is None else accounts.failed
        return NodeStatus(
            network=document.name,
            network_id=document.network_id,
            genesis_hash=document.hash,
            peer_id=network.peer_id,
            version=__version__,
            height=head.head.height,
            block_id=head.head.id,
            state_root=head.root,
            finalized_at_ms=self._chain.finalized_at_ms or head.head.timestamp_ms,
            epoch=core.epoch,
            view=core.view,
            peers=len(network.peers()),
            validator_index=core.me,
            voting=voting_of(self._engine.state),
            syncing=self._syncer.syncing,
            target_height=max(self._syncer.target_height, head.head.height),
            first_height=self._chain.blocks.first,
            joining=self._syncer.joining,
            indexed_height=None if accounts is None or accounts_trouble else accounts.height,
            index_trouble=self._chain.index_trouble or accounts_trouble,
            clock_offset_ms=self._clock_watch.offset_ms,
            clock_trouble=self._clock_watch.trouble,
            archive_trouble=self._archive.trouble,
        )
