"""The second check before a signature, over both lanes: per instance, and nothing after CLOSED."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from consensus import guard
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots
from consensus.lanes.records import (
    CheckpointHard,
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    lane_record_instance,
)
from consensus.records import ProofFound, ProposalCast, VoteCast
from consensus.votes import VotePhase
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class SignedLanes:
    """What our log says we signed, instance by instance. Pairs across instances exclude nothing."""

    slots: Mapping[Hash32, SignedSlots] = field(default_factory=dict)
    closed: Mapping[Hash32, TermClosed] = field(default_factory=dict)

    def after(self, record: LaneRecord) -> "SignedLanes":
        """The same with one more record of the log."""
        match record:
            case TermClosed():
                return replace(self, closed={**self.closed, record.instance_id: record})
            case CheckpointSeen() | CheckpointHard() | ProofFound():
                return self
            case _:
                name = lane_record_instance(record)
                held = self.slots.get(name, SignedSlots()).after(record)
                return replace(self, slots={**self.slots, name: held})

    def without(self, settled: Iterable[Hash32]) -> "SignedLanes":
        """The same after the hard lane has settled these instances."""
        gone = set(settled)
        return SignedLanes(
            {name: held for name, held in self.slots.items() if name not in gone},
            {name: held for name, held in self.closed.items() if name not in gone},
        )


def may_sign(signed: SignedLanes, record: VoteCast | ProposalCast | TermClosed) -> None:
    """Raise DoubleSign unless an honest validator that signed all of `signed` may sign this."""
    name = lane_record_instance(record)
    slots = signed.slots.get(name, SignedSlots())
    if isinstance(record, TermClosed):
        _may_close(signed, slots, record)
        return
    if name in signed.closed and not guard.is_repeat(slots, record):
        slot = _slot_of(record)
        raise DoubleSign(*slot, reason="the term is closed")
    guard.may_cast(slots, record)


def is_repeat(signed: SignedLanes, record: VoteCast | ProposalCast | TermClosed) -> bool:
    """True if exactly this is in the log already: sign and send it, but do not log it again."""
    if isinstance(record, TermClosed):
        return signed.closed.get(record.instance_id) == record
    return guard.is_repeat(signed.slots.get(lane_record_instance(record), SignedSlots()), record)


def _may_close(signed: SignedLanes, slots: SignedSlots, record: TermClosed) -> None:
    before = signed.closed.get(record.instance_id)
    if before not in (None, record):
        raise DoubleSign(record.epoch, record.tip_view, reason="a second CLOSE")
    for (epoch, view), held in slots.slots.items():
        if VotePhase.COMMIT in held.votes and view > record.tip_view:
            raise DoubleSign(epoch, view, reason="CLOSE below an own COMMIT")


def _slot_of(record: VoteCast | ProposalCast) -> guard.Slot:
    match record:
        case VoteCast(vote, epoch):
            return epoch, vote.view
        case ProposalCast(proposal):
            return proposal.block.epoch, proposal.view
