"""One run of the protocol: the blocks of one epoch, decided by one electorate."""

from dataclasses import dataclass

from consensus.electorate import Electorate
from genesis.epochs import first_height, last_height
from genesis.signed_bytes import InstanceName, Lane
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class BlockRef:
    """All the core knows of a block: its place. What it contains is the ledger's business."""

    id: Hash32
    height: int
    view: int
    epoch: int
    parent_id: Hash32
    parent_view: int
    proposer_index: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Instance:
    """Votes, certificates and views belong to one instance; it starts at a final block (R10)."""

    id: Hash32
    electorate: Electorate
    start: BlockRef
    first_height: int
    last_height: int

    @classmethod
    def after(
        cls, start: BlockRef, electorate: Electorate, *, genesis_hash: Hash32, epoch_blocks: int
    ) -> "Instance":
        """The instance that begins at `start`, the final last block of the epoch before."""
        first, last = (
            first_height(electorate.epoch, epoch_blocks),
            last_height(electorate.epoch, epoch_blocks),
        )
        assert start.height == first - 1, "an instance starts at the last block of an epoch"
        name = instance_id(genesis_hash, electorate.epoch, electorate.vset_hash, start.id)
        return cls(name, electorate, start, first, last)

    @property
    def epoch(self) -> int:
        """The epoch whose blocks this instance decides."""
        return self.electorate.epoch

    def proposer(self, view: int) -> int:
        """The index of the validator whose turn `view` is."""
        return self.electorate.proposer(view)


def instance_id(
    genesis_hash: Hash32,
    epoch: int,
    vset_hash: Hash32,
    start_block_id: Hash32,
    *,
    lane: Lane = Lane.HARD,
    term: int = 0,
) -> Hash32:
    """The name every signature carries, so that no vote counts on another chain or epoch."""
    return InstanceName(genesis_hash, lane, epoch, vset_hash, start_block_id, term).id
