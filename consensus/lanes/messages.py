"""Proposals and decisions of the lanes on the wire; votes and certificates keep their own forms."""

from dataclasses import dataclass
from typing import Final

from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.errors import MalformedCheckpoint
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref, decode_checkpoint
from consensus.lanes.proofs import PROOF_FIELDS, CheckpointProof, decode_proof, encode_proof
from consensus.proposals import Proposal, ProposalMessage, SignedProposal, decode_proposal
from consensus.votes import VOTE_SIGNATURE_BYTES, VotePhase
from genesis.limits import LANE_MEMBERS_MAX
from native.codec import Value, array, bounded, sequence, uint
from native.hashing import Hash32, hash32

CHECKPOINT_MESSAGE_FIELDS: Final = 6


@dataclass(frozen=True, slots=True)
class TermProposal:
    """A block proposed in a term: the term, its instance, and the message as it is without lanes.

    After a captured committee two terms of one number may have begun.
    """

    term: int
    instance_id: Hash32
    message: ProposalMessage

    def encode(self) -> list[Value]:
        """The wire form."""
        return [self.term, self.instance_id, self.message.encode()]


@dataclass(frozen=True, slots=True)
class CheckpointMessage:
    """A checkpoint proposed in a ballot. A repetition (R10) carries no proof."""

    view: int
    justify_view: int
    proposer_index: int
    checkpoint: Checkpoint
    proof: CheckpointProof | None
    signature: bytes

    @classmethod
    def of(
        cls, signed: SignedProposal, checkpoint: Checkpoint, proof: CheckpointProof | None
    ) -> "CheckpointMessage":
        """The message that carries `signed`."""
        place = signed.proposal
        head = (place.view, place.justify_view, place.proposer_index)
        return cls(*head, checkpoint, proof, signed.signature)

    def bind(self, instance_id: Hash32) -> SignedProposal:
        """The proposal as a claim about one ballot; the signature decides if the claim holds."""
        place = (self.view, self.justify_view, checkpoint_ref(self.checkpoint), self.proposer_index)
        return SignedProposal(Proposal(instance_id, *place), self.signature)

    def encode(self) -> list[Value]:
        """The wire form."""
        proof: list[Value] = [] if self.proof is None else encode_proof(self.proof)
        head: list[Value] = [self.view, self.justify_view, self.proposer_index]
        return [*head, self.checkpoint.encode(), proof, self.signature]


@dataclass(frozen=True, slots=True)
class Decision:
    """A checkpoint and its FINAL: what somebody needs who is behind."""

    checkpoint: Checkpoint
    certificate: QuorumCertificate

    def __post_init__(self) -> None:
        final = self.certificate
        if final.phase is not VotePhase.COMMIT or final.block_id != self.checkpoint.id:
            raise MalformedCheckpoint("not the FINAL of this checkpoint")

    def encode(self) -> list[Value]:
        """The wire form."""
        return [self.checkpoint.encode(), self.certificate.encode()]


def decode_term_proposal(value: Value) -> TermProposal:
    """The exact inverse of `encode`."""
    term, instance_id, message = array(value, 3)
    return TermProposal(uint(term), hash32(instance_id), decode_proposal(message))


def decode_checkpoint_message(value: Value) -> CheckpointMessage:
    """The exact inverse of `encode`."""
    fields = array(value, CHECKPOINT_MESSAGE_FIELDS)
    proposer_index = uint(fields[2], bits=32)
    if proposer_index >= LANE_MEMBERS_MAX:
        raise MalformedCheckpoint("proposer index out of range")
    held = sequence(fields[4], PROOF_FIELDS)
    return CheckpointMessage(
        uint(fields[0]),
        uint(fields[1]),
        proposer_index,
        decode_checkpoint(fields[3]),
        decode_proof(held) if held else None,
        bounded(fields[5], VOTE_SIGNATURE_BYTES),
    )


def decode_decision(value: Value) -> Decision:
    """The exact inverse of `encode`."""
    checkpoint, certificate = array(value, 2)
    return Decision(
        decode_checkpoint(checkpoint), decode_certificate(certificate, members_max=LANE_MEMBERS_MAX)
    )
