"""The disk of one node: what is still there after a crash."""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.records import LaneRecord, decode_lane_record, encode_lane_record
from native.hashing import Hash32
from tests.builders_consensus import GENESIS


@dataclass
class Disk:
    """What survives a crash: the log as far as synced, executed blocks, what is hard."""

    checkpoint: Checkpoint
    decision: QuorumCertificate | None = None
    log: list[LaneRecord] = field(default_factory=list)
    synced: int = 0
    blocks: dict[Hash32, BlockRef] = field(default_factory=lambda: {GENESIS.id: GENESIS})
    decisions: dict[int, tuple[Checkpoint, QuorumCertificate]] = field(default_factory=dict)

    def append(self, record: LaneRecord, *, sync: bool) -> None:
        self.log.append(record)
        if sync:
            self.synced = len(self.log)

    def lose_unsynced(self, kept: int) -> None:
        del self.log[self.synced + kept :]
        self.synced = len(self.log)

    def records(self) -> list[LaneRecord]:
        """Through the codec, as after a real crash."""
        return [decode_lane_record(encode_lane_record(record)) for record in self.log]
