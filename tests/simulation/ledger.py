"""A node's bodies, producer and finalizer, as the product's performer calls them."""

from collections.abc import Callable

from consensus.core.effects import BuildBlock, Finalize
from consensus.core.events import BlockBuilt, BlockExecuted, BlockRejected, Event
from consensus.instance import BlockRef
from consensus.probation import Head
from consensus.proposals import SignedProposal
from native.hashing import Hash32, blake3_256
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.messages import Body, Flaw
from tests.simulation.tasks import Pause

Post = Callable[[Event], None]


class Ledger:
    """Blocks here are names: some do not execute, some have no body that anybody gives away."""

    def __init__(self, node: Inhabitant) -> None:
        self._node = node
        self._world = node.world

    async def check(self, block_id: Hash32, post: Post) -> None:
        """Collect the body and all unexecuted ancestors, execute them oldest first."""
        node, world = self._node, self._world
        await Pause(1 + world.below(40))
        missing: list[Body] = []
        while block_id not in node.disk.blocks:
            body = world.find_body(node, block_id)
            if body is None:
                return
            missing.append(body)
            block_id = body.block.parent_id
        for body in reversed(missing):
            if body.flaw is Flaw.INVALID:
                post(BlockRejected(body.block.id, node.local_ms))
                return
            node.disk.blocks[body.block.id] = body.block
            node.disk.durable.add(body.block.id)
            post(BlockExecuted(body.block, node.local_ms))

    async def build(self, order: BuildBlock, post: Post) -> None:
        """An empty block with a name of its own."""
        node, parent = self._node, order.parent
        await Pause(1 + self._world.below(10))
        place = (parent.height + 1, order.view, order.epoch, parent.id, order.parent_view)
        index = node.electorate(order.epoch).index_of(node.address)
        assert index is not None, "only members build"
        fields = (*place, index, order.timestamp_ms)
        block = BlockRef(blake3_256(repr((fields, node.name)).encode()), *fields)
        self._world.publish(block)
        node.memory[block.id] = block
        post(BlockBuilt(order.instance_id, order.view, block, node.local_ms))

    def send(self, signed: SignedProposal) -> None:
        """Ours, or that of another proposer once more."""
        if self._node.is_honest and signed.proposal.is_repeat:
            self._world.fault("(honest re-proposal at the edge)")
        self._world.broadcast(self._node, signed)

    async def finalize(self, effect: Finalize) -> None:
        """The chain is durable at once, and peers hear where we stand."""
        node, tip = self._node, effect.blocks[-1]
        if node.is_honest:
            self._world.checker.on_final(node.member, node.disk.chain[-1], effect)
        node.disk.chain.extend(effect.blocks)
        node.disk.certificate = effect.certificate
        if tip.height % node.config.epoch_blocks == 0:
            node.disk.edges[effect.certificate.epoch] = effect.certificate
        node.head = Head(tip.height, node.state.epoch, node.state.view)
