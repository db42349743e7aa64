"""Ids of our final blocks by height, to compare with what peers say of theirs."""

from collections import OrderedDict

from aichain.chain import Chain
from genesis.limits import FORK_QUESTIONS_REMEMBERED
from native.hashing import Hash32


class OwnIds:
    """They never change, and peers name the same few all the time: the disk is asked once for
    each, and not at all for heights that we have not reached."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._known: OrderedDict[int, Hash32 | None] = OrderedDict()

    def at(self, height: int) -> Hash32 | None:
        """None for a block that is not final here or, below the head, not kept: nor will it be."""
        if height > self._chain.head.head.height:
            return None
        if height not in self._known:
            header = self._chain.blocks.header_at(height)
            self._known[height] = None if header is None else header.id
            while len(self._known) > FORK_QUESTIONS_REMEMBERED:
                self._known.popitem(last=False)
        return self._known[height]

    def differ_from(self, height: int, block_id: Hash32) -> bool:
        """Whether our final block of this height is another one; not if we have none."""
        own = self.at(height)
        return own is not None and own != block_id
