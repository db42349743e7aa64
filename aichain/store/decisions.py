"""What the hard lane decided: each checkpoint with its FINAL, by number."""

from aichain.errors import StoreCorrupt
from aichain.store.blocks import BlockStore
from aichain.store.keys import DECIDED, decision_key
from aichain.store.kv import KeyValueReader
from consensus.lanes.messages import Decision, decode_decision
from consensus.light import Finality
from genesis.limits import LANE_MESSAGE_MAX_ITEMS
from native import codec


class Decisions:
    """Reads may come from any thread; empty on a chain without lanes."""

    def __init__(self, database: KeyValueReader) -> None:
        self._database = database
        self._path = database.path

    @property
    def last(self) -> Decision | None:
        """The newest; it is written with the blocks that it makes hard. None: only block 0 is."""
        raw = self._database.get(DECIDED)
        return None if raw is None else self.at(int.from_bytes(raw, "big"))

    def at(self, number: int) -> Decision | None:
        """What checkpoint `number` is."""
        raw = self._database.get(decision_key(number))
        if raw is None:
            return None
        return decode_decision(
            codec.decode(raw, max_bytes=len(raw), max_items=LANE_MESSAGE_MAX_ITEMS)
        )

    def covering(self, height: int) -> Decision | None:
        """The first one that makes this height hard: later ones may start anew at the same block,
        but are the next epoch's word."""
        last = self.last
        if last is None or last.checkpoint.block_height < height:
            return None
        low, high = 1, last.checkpoint.number
        while low < high:  # heights never fall from one checkpoint to the next
            middle = (low + high) // 2
            if self._required(middle).checkpoint.block_height < height:
                low = middle + 1
            else:
                high = middle
        return self._required(low)

    def _required(self, number: int) -> Decision:
        decision = self.at(number)
        if decision is None:
            raise StoreCorrupt(path=str(self._path), reason=f"no decision {number}")
        return decision


def finality_of(blocks: BlockStore, decisions: Decisions, height: int) -> Finality | None:
    """All that shows somebody who trusts an older block that this one is final."""
    decision = decisions.covering(height)
    if decision is None:
        return blocks.finality_of(height)
    checkpoint = decision.checkpoint
    headers = blocks.headers_down(checkpoint.block_height, height)
    if headers is None:
        return None
    voters = blocks.validators_at(checkpoint.block_height)
    return Finality(decision.certificate, checkpoint.parent_id, headers, voters, checkpoint)


def stage_decision(batch: dict[bytes, bytes | None], decision: Decision) -> None:
    """Add it to what is written with its blocks."""
    number = decision.checkpoint.number
    batch[decision_key(number)] = codec.encode(decision.encode())
    batch[DECIDED] = number.to_bytes(8, "big")
