"""What survives a crash: the log of signatures, executed blocks, the final chain."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aichain.store.wal import empty_log
from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from genesis.units import Address
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.simulation.log_disk import LogDisk


@dataclass(slots=True)
class Disk:
    """The disk of one node. Blocks here are executed; `chain` is final, one block per height."""

    log: LogDisk
    blocks: dict[Hash32, BlockRef] = field(default_factory=lambda: {GENESIS.id: GENESIS})
    chain: list[BlockRef] = field(default_factory=lambda: [GENESIS])
    durable: set[Hash32] = field(default_factory=set)
    """Blocks that were ever here: what was said of them once may be said again."""
    certificate: QuorumCertificate | None = None
    edges: dict[int, QuorumCertificate] = field(default_factory=dict)

    def lose_database(self) -> None:
        """All but the log of signatures is gone; it starts from block 0 again."""
        empty = Disk(self.log)
        self.blocks, self.chain, self.edges = empty.blocks, empty.chain, empty.edges
        self.certificate = None


def new_log(owner: Address, below: Callable[[int], int], note: Callable[[str], None]) -> LogDisk:
    """The log of a key that has signed nothing, as far as this disk knows."""
    return LogDisk(owner, empty_log(owner), below, note)
