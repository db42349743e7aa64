"""What survives a crash: the log up to its last fsync, executed blocks, the final chain."""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.records import (
    HeightFinal,
    Record,
    SigningAllowed,
    decode_record,
    encode_record,
    record_instance,
    record_view,
)
from native.hashing import Hash32
from tests.builders_consensus import GENESIS


@dataclass(slots=True)
class Disk:
    """The disk of one node. Blocks here are executed; `chain` is final, one block per height."""

    log: list[bytes] = field(default_factory=list)
    synced: int = 0
    blocks: dict[Hash32, BlockRef] = field(default_factory=lambda: {GENESIS.id: GENESIS})
    chain: list[BlockRef] = field(default_factory=lambda: [GENESIS])
    certificate: QuorumCertificate | None = None
    edges: dict[int, QuorumCertificate] = field(default_factory=dict)

    def append(self, record: Record, *, sync: bool) -> None:
        self.log.append(encode_record(record))
        if sync:
            self.synced = len(self.log)

    def records(self) -> list[Record]:
        return [decode_record(raw) for raw in self.log]

    def lose_database(self) -> None:
        """All but the log of signatures is gone; it starts from block 0 again."""
        empty = Disk()
        self.blocks, self.chain, self.edges = empty.blocks, empty.chain, empty.edges
        self.certificate = None

    def lose_unsynced(self, kept: int) -> bool:
        """After a crash only some of what was not synced is there; True if anything is lost."""
        lost = self.synced + kept < len(self.log)
        del self.log[self.synced + kept :]
        self.synced = len(self.log)
        return lost

    def prune(self, final: HeightFinal) -> None:
        """Rewrite the log without what the final view has settled."""
        floor = (final.epoch, final.view)
        kept = [
            raw
            for raw, record in ((raw, decode_record(raw)) for raw in self.log)
            if isinstance(record, SigningAllowed)
            or (record_instance(record)[0], record_view(record)) > floor
        ]
        self.log = [encode_record(final), *kept]
        self.synced = len(self.log)
