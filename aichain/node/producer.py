"""Builds the blocks of our own turns and sends proposals with the list of what they contain."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

from aichain.errors import UnfinalizedFull
from aichain.node.anchor_votes import AnchorVotes
from aichain.node.context import NodeContext
from aichain.node.ledger_writer import LedgerWriter
from aichain.node.pool import TransactionPool
from aichain.node.reveals import Reveals
from consensus.core.effects import BuildBlock
from consensus.core.events import BlockBuilt
from consensus.headers import block_ref
from consensus.proposals import ProposalMessage, SignedProposal
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from p2p.network import Audience
from vm.build import BlockAttributes, build_block
from vm.state import State
from vm.transactions import VerifiedTransaction

log = logging.getLogger(__name__)


class Producer:
    """Answers BuildBlock from the pool. A built block is executed; the core has it made durable."""

    def __init__(
        self,
        ledger: LedgerWriter,
        pool: TransactionPool,
        context: NodeContext,
        validator: Address | None,
        reveals: Reveals,
        anchors: AnchorVotes | None = None,
    ) -> None:
        self._ledger = ledger
        self._chain = ledger.chain
        self._pool = pool
        self._network = context.network
        self._clock = context.clock
        self._electorates = context.electorates
        self._validator = validator
        self._reveals = reveals
        self._anchors = anchors
        self._run_blocking = context.run_blocking
        self._contents: OrderedDict[Hash32, tuple[bytes, tuple[Hash32, ...]]] = OrderedDict()

    async def build(self, effect: BuildBlock, post: Callable[[BlockBuilt], None]) -> None:
        """Build on an executed parent and post BlockBuilt; nothing when there is no room for it."""
        me = self._electorates.electorate(effect.epoch).index_of(self._validator)
        assert me is not None, "only members of the electorate have turns"
        parent = self._chain.state_of(effect.parent.id)
        if parent is None:
            return  # executed when it was asked for; the head has left it behind since
        reveal = await self._run_blocking(self._reveals.next, parent, effect.epoch, me)
        if reveal is None:
            return  # as if we had been away
        candidates = self._pool.mempool.select(
            parent.document.fees.max_block_weight,
            parent.base_fee,
            nonces=self._chain.pending_nonces(parent.head.id),
        )
        attributes = BlockAttributes(
            epoch=effect.epoch,
            view=effect.view,
            parent_view=effect.parent_view,
            proposer_index=me,
            timestamp_ms=effect.timestamp_ms,
            onion_reveal=reveal,
        )
        free = (*self._pool.accusations.candidates(), *await self._votes(parent, effect.epoch))
        built = build_block(parent, (*free, *candidates), attributes)
        for signed, error in built.dropped:
            log.info("left out 0x%s: %s", signed.id.hex()[:16], error)
        try:
            await self._ledger.adopt(built)
        except UnfinalizedFull as error:
            log.warning("no block of ours in view %d: %s", effect.view, error)
            return  # the view passes as if we had been away
        post(
            BlockBuilt(
                effect.instance_id, effect.view, block_ref(built.block.header), self._clock.now_ms()
            )
        )

    async def _votes(self, parent: State, epoch: int) -> Sequence[VerifiedTransaction]:
        if self._anchors is None:
            return ()
        votes = await self._run_blocking(self._anchors.missing_on, parent, epoch)
        for signed in votes:
            self._pool.remember(signed)  # peers ask for what they see in our proposal
        return votes

    def send(self, signed: SignedProposal) -> None:
        """Send a proposal, ours or the one we repeat, with the ids of its transactions."""
        message = self.message_of(signed)
        if message is not None:
            self._network.push(message, Audience.VALIDATORS)

    def message_of(self, signed: SignedProposal) -> ProposalMessage | None:
        """A proposal as it is sent; None for a peer's whose body we do not have to pass on."""
        block_id = signed.proposal.block.id
        contents = self._contents.get(block_id) or self._contents_of(block_id)
        return None if contents is None else ProposalMessage.of(signed, *contents)

    def _contents_of(self, block_id: Hash32) -> tuple[bytes, tuple[Hash32, ...]] | None:
        entry = self._chain.executed(block_id)
        if entry is None:
            return None
        block = entry.block
        contents = block.header.raw, tuple(signed.id for signed in block.transactions)
        self._contents[block_id] = contents
        while len(self._contents) > limits.CANDIDATE_BLOCKS_MAX:
            self._contents.popitem(last=False)
        return contents
