"""What was executed above the head: bounded, durable before a vote, read again where one lacks."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aichain.errors import BlockLost, UnfinalizedFull
from aichain.store.blocks import BlockStore
from aichain.store.failpoints import CrashPoint
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from vm.blocks import Block, Header, VerifiedBlock, body_bytes, encode_body
from vm.receipts import Receipt
from vm.state import State


@dataclass(slots=True, eq=False)
class Executed:
    """A block that was executed and is not final yet."""

    block: VerifiedBlock
    state: State
    receipts: tuple[Receipt, ...]
    size_bytes: int
    last_used: int
    position: Position | None
    """Where it lies on disk; None while it is not durable and must not be voted for."""

    @property
    def header(self) -> Header:
        return self.block.header


class UnfinalizedBlocks:
    """All that was executed on top of the final chain, whichever of it becomes final."""

    def __init__(
        self,
        head_id: Hash32,
        bodies: SegmentFiles,
        blocks: BlockStore,
        reached: CrashPoint,
    ) -> None:
        self._head_id = head_id
        self._bodies = bodies
        self._blocks = blocks
        self._reached = reached
        self._executed: dict[Hash32, Executed] = {}
        self._evicted: OrderedDict[Hash32, tuple[int, Position]] = OrderedDict()
        self._positions: dict[Hash32, Position] = {}
        self._left_over: list[VerifiedBlock] = []
        self._clock = 0

    def __contains__(self, block_id: Hash32) -> bool:
        return block_id in self._executed

    def get(self, block_id: Hash32) -> Executed | None:
        return self._executed.get(block_id)

    def entries(self) -> tuple[Executed, ...]:
        """All of them, parents before their children."""
        return tuple(self._executed.values())

    def state_of(self, block_id: Hash32) -> State | None:
        """The state after one of them, which counts as a use of it."""
        entry = self._executed.get(block_id)
        if entry is None:
            return None
        self._touch(entry)
        return entry.state

    def pending_nonces(self, block_id: Hash32) -> Mapping[Address, int]:
        """Where the senders of these blocks stand after `block_id`."""
        nonces: dict[Address, int] = {}
        entry = self._executed.get(block_id)
        while entry is not None:
            for signed in entry.block.transactions:
                if signed.transaction.is_system:
                    continue  # it uses no nonce
                following = signed.transaction.nonce + 1
                sender = signed.transaction.sender
                nonces[sender] = max(nonces.get(sender, 0), following)
            entry = self._executed.get(entry.header.parent_id)
        return nonces

    # --- more of them ---------------------------------------------------------------------------

    def remember(self, block: Block, state: State, receipts: tuple[Receipt, ...]) -> None:
        """Keep what was executed; something unused makes room for it, or UnfinalizedFull."""
        self._make_room(block.header.parent_id, body_bytes(block.transactions))
        self.put(block, state, receipts)

    def put(self, block: Block, state: State, receipts: tuple[Receipt, ...]) -> Executed:
        """Keep it whatever the bounds say: it is becoming final."""
        entry = Executed(
            block=VerifiedBlock(block),
            state=state,
            receipts=receipts,
            size_bytes=body_bytes(block.transactions),
            last_used=0,
            position=self._positions.get(block.id),
        )
        self._touch(entry)
        self._executed[block.id] = entry
        self._evicted.pop(block.id, None)
        return entry

    def read_evicted(self, block_id: Hash32) -> VerifiedBlock:
        """A block that had to make room, from the disk; BlockLost if it is unknown."""
        _, position = self._evicted.get(block_id, (0, None))
        if position is None:
            raise BlockLost(block_id=block_id.hex())
        block = self._blocks.decode(position, self._bodies.read(position))
        self._positions[block_id] = position
        return VerifiedBlock(block)

    def _touch(self, entry: Executed) -> None:
        self._clock += 1
        entry.last_used = self._clock

    def _make_room(self, parent_id: Hash32, size_bytes: int) -> None:
        """Forget the longest unused block that nothing is built on; it can be executed again."""
        while (
            len(self._executed) >= limits.UNFINALIZED_BLOCKS
            or self._size_bytes + size_bytes > limits.UNFINALIZED_BYTES
        ):
            oldest = self._least_used(parent_id)
            if oldest is None:
                raise UnfinalizedFull(blocks=len(self._executed), size_bytes=self._size_bytes)
            del self._executed[oldest.block.id]
            self._positions.pop(oldest.block.id, None)
            if oldest.position is not None:
                self._evicted[oldest.block.id] = (oldest.header.height, oldest.position)
            if len(self._evicted) > limits.EVICTED_BLOCKS_MAX:
                self._evicted.popitem(last=False)

    @property
    def _size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._executed.values())

    def _least_used(self, parent_id: Hash32) -> Executed | None:
        """The longest unused one that nothing is built on, nor about to be on `parent_id`."""
        parents = {entry.header.parent_id for entry in self._executed.values()} | {parent_id}
        leaves = [entry for each, entry in self._executed.items() if each not in parents]
        return min(leaves, key=lambda entry: entry.last_used, default=None)

    # --- on disk --------------------------------------------------------------------------------

    def is_durable(self, block_id: Hash32) -> bool:
        return block_id in self._positions

    def make_durable(self, block_id: Hash32) -> None:
        """Write one of them and its ancestors. Blocking. Raises StoreFailed."""
        line: list[Executed] = []
        entry = self._executed.get(block_id)
        while entry is not None and entry.position is None:
            line.append(entry)
            entry = self._executed.get(entry.header.parent_id)
        line.reverse()
        self.append(line)

    def append(self, line: Sequence[Executed]) -> None:
        """Write those of them that are not on disk yet. Blocking. Raises StoreFailed."""
        missing = [entry for entry in line if entry.position is None]
        if not missing:
            return
        positions = self._bodies.append([body_record(entry.block) for entry in missing])
        for entry, position in zip(missing, positions, strict=True):
            entry.position = position
            self._positions[entry.block.id] = position
        self._reached("bodies appended")

    def left_over(self) -> tuple[VerifiedBlock, ...]:
        """What was durable when the node stopped and is not final yet, parents first."""
        return tuple(self._left_over)

    def read_tail(self, tail: Sequence[tuple[Position, BodyRecord]], height: int) -> None:
        """What lies on disk above the head at `height`, as far as it is connected with it."""
        connected: dict[Hash32, VerifiedBlock] = {}
        for position, raw in tail:
            if raw.height <= height:
                continue
            block = self._blocks.decode(position, raw)
            self._positions[block.id] = position
            parent_id = block.header.parent_id
            if parent_id == self._head_id or parent_id in connected:
                connected[block.id] = VerifiedBlock(block)
        self._left_over = list(connected.values())

    def settle(self, head: Header) -> None:
        """This block is final: forget what is not built on it."""
        self._head_id = head.id
        above: dict[Hash32, Executed] = {}
        for block_id, entry in self._executed.items():
            parent_id = entry.header.parent_id
            if parent_id == head.id or parent_id in above:
                above[block_id] = entry
        self._executed = above
        self._positions = {
            block_id: position
            for block_id, position in self._positions.items()
            if block_id in above
        }
        self._left_over = [each for each in self._left_over if each.header.height > head.height]
        for block_id in [each for each, (at, _) in self._evicted.items() if at <= head.height]:
            del self._evicted[block_id]


def body_record(block: Block) -> BodyRecord:
    """What is kept of a block in the segment files."""
    return BodyRecord(block.header.height, block.header.raw, encode_body(block.transactions))
