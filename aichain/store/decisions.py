"""What the hard lane decided: checkpoints with their FINALs, by number; only some of the old."""

from collections.abc import Iterator

from aichain.store.blocks import BlockStore
from aichain.store.keys import DECIDED, DECISION, decision_key
from aichain.store.kv import KeyValueReader
from consensus.lanes.messages import Decision, decode_decision
from consensus.light import Finality
from genesis import limits
from native import codec


class Decisions:
    """Reads may come from any thread; empty on a chain without lanes."""

    def __init__(self, database: KeyValueReader) -> None:
        self._database = database

    @property
    def last(self) -> Decision | None:
        """The newest; it is written with the blocks that it makes hard. None: only block 0 is."""
        raw = self._database.get(DECIDED)
        return None if raw is None else self.next_from(int.from_bytes(raw, "big"))

    def from_number(self, number: int) -> Iterator[Decision]:
        """Those that are kept, from a number on."""
        for _, raw in self._database.iterate(DECISION, start=decision_key(number)):
            items = limits.LANE_MESSAGE_MAX_ITEMS
            yield decode_decision(codec.decode(raw, max_bytes=len(raw), max_items=items))

    def next_from(self, number: int) -> Decision | None:
        """The first that is kept from a number on: it decides for all before it."""
        return next(self.from_number(number), None)

    def covering(self, height: int) -> Decision | None:
        """The first one that makes this height hard: later ones may start anew at the same block,
        but are the next epoch's word."""
        found = self.last
        if found is None or found.checkpoint.block_height < height:
            return None
        low, high = 1, found.checkpoint.number
        while low < high:  # heights never fall from one checkpoint to the next
            middle = (low + high) // 2
            kept = self.next_from(middle)
            assert kept is not None, "the last one is kept"
            if kept.checkpoint.block_height < height:
                low = kept.checkpoint.number + 1
            else:
                high, found = middle, kept
        return found


def finality_of(blocks: BlockStore, decisions: Decisions, height: int) -> Finality | None:
    """All that shows somebody who trusts an older block that this one is final."""
    decision = decisions.covering(height)
    return blocks.finality_of(height) if decision is None else finality_by(decision, blocks, height)


def finality_by(decision: Decision, blocks: BlockStore, height: int) -> Finality | None:
    """What this decision shows of a block at or below its own; None where the way is not kept."""
    checkpoint = decision.checkpoint
    headers = blocks.headers_down(checkpoint.block_height, height)
    if headers is None:
        return None
    voters = blocks.validators_at(checkpoint.block_height)
    return Finality(decision.certificate, checkpoint.parent_id, headers, voters, checkpoint)


def stage_decision(
    batch: dict[bytes, bytes | None],
    decision: Decision,
    decisions: Decisions,
    blocks: BlockStore,
    old_head: int,
) -> None:
    """Add it to what is written with its blocks, and drop those that leave the hot window.

    As with certificates (`BlockStore.stage_certificate`), the last one of each epoch stays, and
    one per CERTIFICATE_SPACING_BYTES of bodies.
    """
    number, height = decision.checkpoint.number, decision.checkpoint.block_height
    batch[decision_key(number)] = codec.encode(decision.encode())
    batch[DECIDED] = number.to_bytes(8, "big")
    first = max(1, old_head - limits.CERTIFICATE_WINDOW_BLOCKS)
    last = height - limits.CERTIFICATE_WINDOW_BLOCKS
    lowest = decisions.covering(first) if last >= first else None
    if lowest is None:
        return
    previous: Decision | None = None
    for kept in decisions.from_number(lowest.checkpoint.number):
        if previous is not None and _stretch(previous, blocks) == _stretch(kept, blocks):
            batch[decision_key(previous.checkpoint.number)] = None
        if kept.checkpoint.block_height > last:
            return
        previous = kept


def _stretch(decision: Decision, blocks: BlockStore) -> tuple[int, int, int]:
    """Of the decisions that agree in this, one old one is enough."""
    checkpoint = decision.checkpoint
    return checkpoint.epoch, *blocks.spacing_of(checkpoint.block_height)
