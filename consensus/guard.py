"""The second check before a signature: never two for one slot, whatever the core believes.

It knows only what was written down, shares no code with the core's voting rules, and a disagreement
between the two stops the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from consensus.errors import DoubleSign
from consensus.proposals import Proposal
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProofFound,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
)
from consensus.votes import Vote, VotePhase
from native.hashing import Hash32

Slot = tuple[int, int]
"""(epoch, view): fixed by agreement, never by a proposer's choice."""


@dataclass(frozen=True, slots=True)
class SlotSignatures:
    """All we have signed in one view."""

    instance_id: Hash32
    proposal: Proposal | None = None
    votes: Mapping[VotePhase, Vote] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedSlots:
    """What our log says we signed. Nothing at or below the floor is ever signed again."""

    floor: Slot = (0, 0)
    slots: Mapping[Slot, SlotSignatures] = field(default_factory=dict)

    def after(self, record: Record) -> "SignedSlots":
        """The same with one more record of the log."""
        match record:
            case VoteCast(vote, epoch):
                held = self._at(epoch, vote.view, vote.instance_id)
                held = replace(held, votes={**held.votes, vote.phase: vote})
                return replace(self, slots={**self.slots, (epoch, vote.view): held})
            case ProposalCast(proposal):
                slot = (proposal.block.epoch, proposal.view)
                held = replace(self._at(*slot, proposal.instance_id), proposal=proposal)
                return replace(self, slots={**self.slots, slot: held})
            case HeightFinal():
                return self._above((record.epoch, record.view))
            case SigningAllowed(_, epoch, view):
                return self._above((epoch, view - 1))  # below it a lost log may know more
            case CertificateSeen() | ProofFound():
                return self

    def _above(self, slot: Slot) -> "SignedSlots":
        floor = max(self.floor, slot)
        return SignedSlots(floor, {each: held for each, held in self.slots.items() if each > floor})

    def _at(self, epoch: int, view: int, instance_id: Hash32) -> SlotSignatures:
        return self.slots.get((epoch, view), SlotSignatures(instance_id))


def may_cast(signed: SignedSlots, record: VoteCast | ProposalCast) -> None:
    """Raise DoubleSign unless an honest validator that signed all of `signed` may sign this."""
    match record:
        case VoteCast(vote, epoch):
            held = _open_slot(signed, (epoch, vote.view), vote.instance_id)
            if held is not None:
                _require_legal_vote(held, vote, epoch)
        case ProposalCast(proposal):
            slot = (proposal.block.epoch, proposal.view)
            held = _open_slot(signed, slot, proposal.instance_id)
            if held is not None and held.proposal not in (None, proposal):
                raise DoubleSign(*slot, reason="a second proposal")


def is_repeat(signed: SignedSlots, record: VoteCast | ProposalCast) -> bool:
    """True if exactly this is in the log already: sign and send it, but do not log it again."""
    match record:
        case VoteCast(vote, epoch):
            held = signed.slots.get((epoch, vote.view))
            return held is not None and held.votes.get(vote.phase) == vote
        case ProposalCast(proposal):
            held = signed.slots.get((proposal.block.epoch, proposal.view))
            return held is not None and held.proposal == proposal


def _open_slot(signed: SignedSlots, slot: Slot, instance_id: Hash32) -> SlotSignatures | None:
    if slot <= signed.floor:
        raise DoubleSign(*slot, reason="the view is settled")
    newest_epoch = max((epoch for epoch, _ in signed.slots), default=0)
    if slot[0] < newest_epoch:
        raise DoubleSign(*slot, reason="we signed in a later epoch")
    held = signed.slots.get(slot)
    if held is not None and held.instance_id != instance_id:
        raise DoubleSign(*slot, reason="another instance of the same epoch")
    return held


def _require_legal_vote(held: SlotSignatures, vote: Vote, epoch: int) -> None:
    before = held.votes.get(vote.phase)
    if before == vote:
        return
    if before is not None:
        raise DoubleSign(epoch, vote.view, f"a second {vote.phase.name}")
    if vote.phase is not VotePhase.CANCEL and VotePhase.CANCEL in held.votes:
        raise DoubleSign(epoch, vote.view, f"{vote.phase.name} after CANCEL")
    if vote.phase is VotePhase.CANCEL and VotePhase.COMMIT in held.votes:
        raise DoubleSign(epoch, vote.view, "CANCEL after COMMIT")
