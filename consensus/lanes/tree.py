"""The blocks above the last hard one, as far as they are executed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consensus.instance import BlockRef
from genesis.limits import CORE_BLOCKS_MAX
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` is the last hard block; whatever is in the tree is durable and executed."""

    root: BlockRef
    blocks: Mapping[Hash32, BlockRef] = field(default_factory=dict)
    rejected: frozenset[Hash32] = frozenset()

    def __contains__(self, block_id: Hash32) -> bool:
        return block_id == self.root.id or block_id in self.blocks

    def with_block(self, block: BlockRef) -> "Tree":
        """One more executed block; of what does not descend from the root we keep nothing."""
        if block.id in self or block.parent_id not in self or len(self.blocks) >= CORE_BLOCKS_MAX:
            return self
        return Tree(self.root, {**self.blocks, block.id: block}, self.rejected)

    def with_rejected(self, block_id: Hash32) -> "Tree":
        """A block that does not execute."""
        if len(self.rejected) >= CORE_BLOCKS_MAX:
            return self
        return Tree(self.root, self.blocks, self.rejected | {block_id})

    def path(self, start_id: Hash32, block_id: Hash32) -> tuple[BlockRef, ...] | None:
        """The blocks above `start_id` up to and with `block_id`, oldest first; None: no descent."""
        found: list[BlockRef] = []
        while block_id != start_id:
            block = self.blocks.get(block_id)
            if block is None:
                return None
            found.append(block)
            block_id = block.parent_id
        return tuple(reversed(found))

    def descends(self, block_id: Hash32, start_id: Hash32) -> bool:
        """Whether the block is `start_id` or above it."""
        return self.path(start_id, block_id) is not None

    def above(self, start_id: Hash32) -> tuple[BlockRef, ...]:
        """All executed blocks above `start_id`, lower ones first."""
        found = (block for block in self.blocks.values() if self.descends(block.id, start_id))
        return tuple(sorted(found, key=lambda block: (block.height, block.id)))

    def at_root(self, root: BlockRef) -> "Tree":
        """What is left when `root` has become hard."""
        kept = {each.id: each for each in self.above(root.id) if each.id != root.id}
        return Tree(root, kept)
