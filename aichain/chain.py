"""Head of the ledger: executes blocks, keeps what is not final yet, commits. Its only writer."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aichain.errors import ParentNotExecuted
from aichain.pruning import prune
from aichain.recovery import Ledger, create_ledger, ledger_exists, open_ledger
from aichain.store.blocks import BlockRecord, BlockStore
from aichain.store.decisions import Decisions, stage_decision
from aichain.store.failpoints import CrashPoint, FailPoints
from aichain.store.header_range import stage_nodes
from aichain.store.keys import TIP
from aichain.store.location import Location
from aichain.store.segments import BodyRecord
from aichain.store.snapshots import LastAnchor
from aichain.store.state import StateRecords, Tip, stage_state
from aichain.store.validator_sets import stage_validators
from aichain.unfinalized import Executed, UnfinalizedBlocks, body_record
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes.messages import Decision
from genesis import limits
from genesis.document import GenesisDocument
from genesis.units import Address
from native.hashing import Hash32
from vm.apply import apply_block
from vm.blocks import Header, VerifiedBlock
from vm.build import Built
from vm.commitment import StateTree
from vm.errors import WrongBlockVersion
from vm.receipts import Receipt
from vm.state import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """What the feed tells of a block that has just become final and is on disk."""

    header: Header
    block: VerifiedBlock
    receipts: tuple[Receipt, ...]
    certificate: QuorumCertificate
    """The FINAL certificate of this block or of a descendant in the same commit."""
    state_root: Hash32
    finalized_at_ms: int | None


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
        head = ledger.state.head
        self._above = UnfinalizedBlocks(head.id, ledger.bodies, ledger.blocks, fail_points)
        self._above.read_tail(ledger.tail, head.height)
        ledger.tail.clear()

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

        Raises HomeMissing, HomeLocked, WrongChain, UpgradeMissed, StoreCorrupt, StoreFailed.
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
        return self._above.entries()

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
        return self._above.state_of(block_id)

    def is_executed(self, block_id: Hash32) -> bool:
        """Final, or executed on top of the final chain."""
        return block_id in self._above or self.blocks.height_of(block_id) is not None

    def is_durable(self, block_id: Hash32) -> bool:
        """Whether the body would survive a crash now (R8: before a vote for it)."""
        return self._above.is_durable(block_id) or self.blocks.height_of(block_id) is not None

    def header_of(self, block_id: Hash32) -> Header | None:
        entry = self._above.get(block_id)
        if entry is not None:
            return entry.header
        height = self.blocks.height_of(block_id)
        return self.blocks.header_at(height) if height is not None else None

    def executed(self, block_id: Hash32) -> Executed | None:
        """A block above the head with its state and receipts."""
        return self._above.get(block_id)

    def raw_block(self, block_id: Hash32) -> BodyRecord | None:
        """The bytes that a peer asks for by id: final, or executed and not final yet."""
        entry = self._above.get(block_id)
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
        return self._above.pending_nonces(block_id)

    def unfinalized(self) -> tuple[VerifiedBlock, ...]:
        """Blocks above the head that were durable when the node stopped, parents first.

        Only verified blocks were ever written, so they are verified. Execute them again before
        the core is restored: votes may have been cast for them.
        """
        return self._above.left_over()

    def execute_unfinalized(self) -> list[VerifiedBlock]:
        """Run those blocks again; what was run.

        Where the schedule of upgrades was changed meanwhile, blocks of the wrong version are left
        out, with all that is built on them.
        """
        executed = []
        for block in self.unfinalized():
            if self.state_of(block.header.parent_id) is None:
                continue
            try:
                self.execute(block)
            except WrongBlockVersion as error:
                header = block.header
                log.warning("block %d, 0x%s, is left out: %s", header.height, block.id.hex(), error)
                continue
            executed.append(block)
        return executed

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
        self._above.remember(block, state, receipts)
        return state

    def adopt(self, built: Built) -> None:
        """Remember a block that this node built: it has been executed already."""
        if built.block.id not in self._above:
            self._above.remember(built.block, built.state, built.receipts)

    def make_durable(self, block_id: Hash32) -> None:
        """Write the block and its ancestors above the head to disk, before a vote for it (R8).

        Blocking. Raises StoreFailed.
        """
        self._above.make_durable(block_id)

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
        line = [self._above.get(block.id) or self._recall(block.id) for block in blocks]
        _require_line(self._head.head.id, line, end_id)
        self._above.append(line)
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
        self._above.settle(last.header)

    def _recall(self, block_id: Hash32) -> Executed:
        """Execute a final block again that had to make room; the core counts on it (R8)."""
        block = self._above.read_evicted(block_id)
        parent = self.state_of(block.header.parent_id)
        assert parent is not None, "final blocks come oldest first"
        return self._above.put(block, *apply_block(parent, block))


def _require_line(head_id: Hash32, line: Sequence[Executed], end_id: Hash32) -> None:
    """What becomes final extends the head, in order, up to the block that was decided."""
    assert line, "something becomes final"
    parent_id = head_id
    for entry in line:
        assert entry.header.parent_id == parent_id, "final blocks extend the head, in order"
        parent_id = entry.block.id
    assert end_id == parent_id, "the certificate is of the last block"
