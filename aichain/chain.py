"""Head of the ledger: executes blocks, keeps what is not final yet, commits. Its only writer."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from aichain.errors import BlockLost, ParentNotExecuted, UnfinalizedFull
from aichain.executed import Executed as Executed
from aichain.executed import FinalBlock as FinalBlock
from aichain.executed import body_record, least_used, pending_nonces, require_line
from aichain.pruning import prune
from aichain.recovery import Ledger, create_ledger, ledger_exists, open_ledger
from aichain.store.blocks import BlockRecord, BlockStore
from aichain.store.decisions import Decisions, stage_decision
from aichain.store.failpoints import CrashPoint, FailPoints
from aichain.store.header_range import stage_nodes
from aichain.store.index import Location
from aichain.store.keys import TIP
from aichain.store.segments import BodyRecord, Position
from aichain.store.snapshots import LastAnchor
from aichain.store.state import StateRecords, Tip, stage_state
from aichain.store.validator_sets import stage_validators
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes.messages import Decision
from genesis import limits
from genesis.document import GenesisDocument
from genesis.units import Address
from native.hashing import Hash32
from vm.apply import apply_block
from vm.blocks import Block, Header, VerifiedBlock, body_bytes
from vm.build import Built
from vm.commitment import StateTree
from vm.receipts import Receipt
from vm.state import State


class Chain:
    """Owned by the engine's task, one call at a time; reads may come from any thread.

    Calls marked as blocking wait for the disk or run transactions: through `Machine.run_blocking`.
    """

    def __init__(self, document: GenesisDocument, ledger: Ledger, fail_points: CrashPoint) -> None:
        """Use `open`."""
        self.document = document
        self.blocks: BlockStore = ledger.blocks
        """Final blocks, for any thread."""
        self.decisions = Decisions(ledger.database)
        self.recovery_note = ledger.note
        """What had to be repaired at the start, for the log; empty when nothing."""
        self._ledger = ledger
        self._reached = fail_points
        self._head = ledger.state
        self._certified: State | None = None
        self.anchor = LastAnchor(document.consensus.epoch_blocks)
        record = self.blocks.record_at(ledger.state.head.height)
        self._finalized_at_ms = record.finalized_at_ms if record is not None else None
        self._recent: tuple[FinalBlock, ...] = ()
        self._executed: dict[Hash32, Executed] = {}
        self._evicted: OrderedDict[Hash32, tuple[int, Position]] = OrderedDict()
        self._clock = 0
        self._positions: dict[Hash32, Position] = {}
        self._left_over = self._read_tail()

    @classmethod
    def exists(cls, root: Path) -> bool:
        """Whether a data directory holds a chain, whole or damaged."""
        return ledger_exists(root)

    @classmethod
    def create(cls, root: Path, document: GenesisDocument) -> None:
        """Write block 0. Blocking. Only for a home that never had a chain (`node/first_start`)."""
        create_ledger(root, document)

    @classmethod
    def open(
        cls,
        root: Path,
        document: GenesisDocument,
        *,
        index: bool = True,
        fail_points: CrashPoint | None = None,
        tree: StateTree | None = None,
    ) -> Self:
        """Open, check and recover; without `index`, `locate` answers nothing. Blocking.

        Raises HomeMissing, HomeLocked, WrongChain, StoreCorrupt, StoreFailed.
        """
        ledger = open_ledger(root, document, index=index, tree=tree)
        return cls(document, ledger, fail_points or FailPoints())

    def close(self) -> None:
        self._ledger.close()

    @property
    def head(self) -> State:
        """The state after the last final block; a value, readable after later commits too."""
        return self._head

    @property
    def certified(self) -> State | None:
        """The last state whose root a final header carries: what can be proved to a stranger.

        None until something has become final since the start.
        """
        return self._certified

    @property
    def finalized_at_ms(self) -> int | None:
        """When this node saw the head become final; None for block 0 and after a sync."""
        return self._finalized_at_ms

    def above_head(self) -> tuple[Executed, ...]:
        """The executed blocks that are not final yet."""
        return tuple(self._executed.values())

    @property
    def recent(self) -> tuple[FinalBlock, ...]:
        """The last final blocks: the head moves a moment before the index knows of them."""
        return self._recent

    @property
    def index_trouble(self) -> str:
        """Why transactions cannot be looked up until the next start; empty while all is well."""
        return self._ledger.index.failed

    def state_of(self, block_id: Hash32) -> State | None:
        """The state after the head or after an executed block above it."""
        if block_id == self._head.head.id:
            return self._head
        entry = self._executed.get(block_id)
        if entry is None:
            return None
        self._touch(entry)
        return entry.state

    def is_executed(self, block_id: Hash32) -> bool:
        """Final, or executed on top of the final chain."""
        return block_id in self._executed or self.blocks.height_of(block_id) is not None

    def is_durable(self, block_id: Hash32) -> bool:
        """Whether the body would survive a crash now (R8: before a vote for it)."""
        return block_id in self._positions or self.blocks.height_of(block_id) is not None

    def header_of(self, block_id: Hash32) -> Header | None:
        entry = self._executed.get(block_id)
        if entry is not None:
            return entry.header
        height = self.blocks.height_of(block_id)
        return self.blocks.header_at(height) if height is not None else None

    def executed(self, block_id: Hash32) -> Executed | None:
        """A block above the head with its state and receipts."""
        return self._executed.get(block_id)

    def raw_block(self, block_id: Hash32) -> BodyRecord | None:
        """The bytes that a peer asks for by id: final, or executed and not final yet."""
        entry = self._executed.get(block_id)
        if entry is not None:
            return body_record(entry.block)
        height = self.blocks.height_of(block_id)
        return self.blocks.raw_at(height) if height is not None else None

    def locate(self, tx_id: Hash32) -> Location | None:
        """The place of a final transaction. Blocking, briefly."""
        place = self._ledger.index.locate(tx_id)
        return place if place is None or place.height >= self.blocks.first else None

    def pending_nonces(self, block_id: Hash32) -> Mapping[Address, int]:
        """Where the senders of blocks above the head stand after `block_id`."""
        return pending_nonces(self._executed, block_id)

    def unfinalized(self) -> tuple[VerifiedBlock, ...]:
        """Blocks above the head that were durable when the node stopped, parents first.

        Only verified blocks were ever written, so they are verified. Execute them again before
        the core is restored: votes may have been cast for them.
        """
        return tuple(self._left_over)

    def execute(self, block: VerifiedBlock) -> State:
        """Run a block on its parent's state; the answer is remembered. Blocking.

        Raises InvalidBlock, ParentNotExecuted, UnfinalizedFull.
        """
        known = self.state_of(block.id)
        if known is not None:
            return known
        parent = self.state_of(block.header.parent_id)
        if parent is None:
            raise ParentNotExecuted(block_id=block.id.hex(), parent_id=block.header.parent_id.hex())
        state, receipts = apply_block(parent, block)
        self._remember(block, state, receipts)
        return state

    def adopt(self, built: Built) -> None:
        """Remember a block that this node built: it has been executed already."""
        if built.block.id not in self._executed:
            self._remember(built.block, built.state, built.receipts)

    def make_durable(self, block_id: Hash32) -> None:
        """Write the block and its ancestors above the head to disk, before a vote for it (R8).

        Blocking. Raises StoreFailed.
        """
        line: list[Executed] = []
        entry = self._executed.get(block_id)
        while entry is not None and entry.position is None:
            line.append(entry)
            entry = self._executed.get(entry.header.parent_id)
        line.reverse()
        self._append_bodies(line)

    def finalize(
        self,
        blocks: Sequence[BlockRef],
        certificate: QuorumCertificate,
        *,
        finalized_at_ms: int | None,
    ) -> tuple[FinalBlock, ...]:
        """Commit these executed blocks, oldest first; the certificate is of the last. Blocking.

        Order (design, storage 2.3): bodies, one synced batch of state, pointers, certificate and
        tip, then the index. The vote log's record that the height is final comes after all that,
        with the next vote. A crash between any two is healed at the next start. Raises
        StoreFailed, StoreCorrupt: the node has to stop.
        """
        batch: dict[bytes, bytes | None] = {}
        self.blocks.stage_certificate(batch, certificate, self._head.head.height)
        return self._commit(blocks, certificate, certificate.block_id, batch, finalized_at_ms)

    def decide(
        self, blocks: Sequence[BlockRef], decision: Decision, *, finalized_at_ms: int | None
    ) -> tuple[FinalBlock, ...]:
        """Commit what a checkpoint makes hard, in the same order; it may end where we are."""
        batch: dict[bytes, bytes | None] = {}
        stage_decision(batch, decision, self.decisions, self.blocks, self._head.head.height)
        if blocks:
            end = decision.checkpoint.block_id
            return self._commit(blocks, decision.certificate, end, batch, finalized_at_ms)
        assert decision.checkpoint.block_id == self._head.head.id, "it starts anew from the head"
        self._ledger.database.write(batch, sync=True)
        return ()

    def _commit(
        self,
        blocks: Sequence[BlockRef],
        certificate: QuorumCertificate,
        end_id: Hash32,
        batch: dict[bytes, bytes | None],
        finalized_at_ms: int | None,
    ) -> tuple[FinalBlock, ...]:
        line = [self._executed.get(block.id) or self._recall(block.id) for block in blocks]
        require_line(self._head.head.id, line, end_id)
        self._append_bodies(line)
        self._reached("bodies written")
        self._stage(batch, line, finalized_at_ms)
        self._ledger.database.write(batch, sync=True)
        self._reached("state written")
        final = tuple(
            FinalBlock(
                header=entry.header,
                block=entry.block,
                receipts=entry.receipts,
                certificate=certificate,
                state_root=entry.state.root,
                finalized_at_ms=finalized_at_ms,
            )
            for entry in line
        )
        self._recent += final
        self._move_head(line[-1])
        self._finalized_at_ms = finalized_at_ms
        self._ledger.index.add(
            [(e.header.height, [signed.id for signed in e.block.transactions]) for e in line]
        )
        self._recent = self._recent[-limits.RECENT_FINAL_BLOCKS :]
        self._reached("index written")
        return final

    def prune(self, keep: int) -> bool:
        """Drop some of the blocks that lie more than `keep` below the head; False: there are none.

        Blocking. Raises StoreFailed, StoreCorrupt.
        """
        floor = self._head.head.height - max(keep, limits.CERTIFICATE_WINDOW_BLOCKS)
        return prune(self._ledger, floor, self.document.consensus.epoch_blocks, self._reached)

    def _stage(
        self, batch: dict[bytes, bytes | None], line: list[Executed], finalized_at_ms: int | None
    ) -> None:
        before = self._head.mmr
        for entry in line:
            assert entry.position is not None, "bodies are durable before the state"
            stage_state(batch, entry.state)
            stage_validators(batch, entry.state, self.document.consensus.epoch_blocks)
            record = BlockRecord(entry.block.id, entry.state.root, entry.position, finalized_at_ms)
            self.blocks.stage_block(batch, entry.header, record, entry.receipts)
            stage_nodes(batch, before, entry.block.id)
            before = entry.state.mmr
        batch[TIP] = Tip.of(line[-1].state).encode()

    def _move_head(self, last: Executed) -> None:
        self.anchor.reach(last.state, reader := self._ledger.database.snapshot())
        last.state.collapse(StateRecords(reader))
        self._certified = self._head  # it reads from a snapshot of its own
        self._head = last.state
        height = last.header.height
        above: dict[Hash32, Executed] = {}
        for block_id, entry in self._executed.items():  # parents come before their children
            parent_id = entry.header.parent_id
            if parent_id == last.block.id or parent_id in above:
                above[block_id] = entry
        self._executed = above
        self._positions = {
            block_id: position
            for block_id, position in self._positions.items()
            if block_id in above
        }
        self._left_over = [b for b in self._left_over if b.header.height > height]
        for block_id in [each for each, (at, _) in self._evicted.items() if at <= height]:
            del self._evicted[block_id]

    def _append_bodies(self, line: list[Executed]) -> None:
        missing = [entry for entry in line if entry.position is None]
        if not missing:
            return
        positions = self._ledger.bodies.append([body_record(e.block) for e in missing])
        for entry, position in zip(missing, positions, strict=True):
            entry.position = position
            self._positions[entry.block.id] = position
        self._reached("bodies appended")

    def _remember(self, block: Block, state: State, receipts: tuple[Receipt, ...]) -> None:
        self._make_room(block.header.parent_id, body_bytes(block.transactions))
        self._put(block, state, receipts)

    def _put(self, block: Block, state: State, receipts: tuple[Receipt, ...]) -> Executed:
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

    def _recall(self, block_id: Hash32) -> Executed:
        """Execute a final block again that had to make room; the core counts on it (R8)."""
        _, position = self._evicted.get(block_id, (0, None))
        if position is None:
            raise BlockLost(block_id=block_id.hex())
        block = VerifiedBlock(self.blocks.decode(position, self._ledger.bodies.read(position)))
        self._positions[block_id] = position
        parent = self.state_of(block.header.parent_id)
        assert parent is not None, "final blocks come oldest first"
        return self._put(block, *apply_block(parent, block))

    def _touch(self, entry: Executed) -> None:
        self._clock += 1
        entry.last_used = self._clock

    def _make_room(self, parent_id: Hash32, size_bytes: int) -> None:
        """Forget the longest unused block that nothing is built on; it can be executed again."""
        while (
            len(self._executed) >= limits.UNFINALIZED_BLOCKS
            or sum(e.size_bytes for e in self._executed.values()) + size_bytes
            > limits.UNFINALIZED_BYTES
        ):
            oldest = least_used(self._executed, parent_id)
            if oldest is None:
                raise UnfinalizedFull(
                    blocks=len(self._executed),
                    size_bytes=sum(e.size_bytes for e in self._executed.values()),
                )
            del self._executed[oldest.block.id]
            self._positions.pop(oldest.block.id, None)
            if oldest.position is not None:
                self._evicted[oldest.block.id] = (oldest.header.height, oldest.position)
            if len(self._evicted) > limits.EVICTED_BLOCKS_MAX:
                self._evicted.popitem(last=False)

    def _read_tail(self) -> list[VerifiedBlock]:
        connected: dict[Hash32, VerifiedBlock] = {}
        for position, raw in self._ledger.tail:
            if raw.height <= self._head.head.height:
                continue
            block = self.blocks.decode(position, raw)
            self._positions[block.id] = position
            parent_id = block.header.parent_id
            if parent_id == self._head.head.id or parent_id in connected:
                connected[block.id] = VerifiedBlock(block)
        self._ledger.tail.clear()
        return list(connected.values())
