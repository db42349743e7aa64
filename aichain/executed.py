"""Blocks that were executed, and what is told of those that have just become final."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aichain.store.segments import BodyRecord, Position
from consensus.certificates import QuorumCertificate
from genesis.units import Address
from native.hashing import Hash32
from vm.blocks import Block, Header, VerifiedBlock, encode_body
from vm.receipts import Receipt
from vm.state import State


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


def body_record(block: Block) -> BodyRecord:
    """What is kept of a block in the segment files."""
    return BodyRecord(block.header.height, block.header.raw, encode_body(block.transactions))


def require_line(head_id: Hash32, line: Sequence[Executed], end_id: Hash32) -> None:
    """What becomes final extends the head, in order, up to the block that was decided."""
    assert line, "something becomes final"
    parent_id = head_id
    for entry in line:
        assert entry.header.parent_id == parent_id, "final blocks extend the head, in order"
        parent_id = entry.block.id
    assert end_id == parent_id, "the certificate is of the last block"


def pending_nonces(executed: Mapping[Hash32, Executed], block_id: Hash32) -> dict[Address, int]:
    """Where the senders of these blocks stand after `block_id`."""
    nonces: dict[Address, int] = {}
    entry = executed.get(block_id)
    while entry is not None:
        for signed in entry.block.transactions:
            if signed.transaction.is_system:
                continue  # it uses no nonce
            following = signed.transaction.nonce + 1
            sender = signed.transaction.sender
            nonces[sender] = max(nonces.get(sender, 0), following)
        entry = executed.get(entry.header.parent_id)
    return nonces


def least_used(executed: Mapping[Hash32, Executed], parent_id: Hash32) -> Executed | None:
    """The longest unused block that nothing is built on, nor about to be on `parent_id`."""
    parents = {entry.header.parent_id for entry in executed.values()} | {parent_id}
    leaves = [entry for block_id, entry in executed.items() if block_id not in parents]
    return min(leaves, key=lambda entry: entry.last_used, default=None)
