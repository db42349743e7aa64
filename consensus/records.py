"""What the log of our own signatures holds; every record names its instance (R8). Pure codec."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.instance import BlockRef
from consensus.proposals import Proposal
from consensus.votes import Vote, decode_phase
from genesis.limits import (
    CONSENSUS_RECORD_MAX_BYTES,
    CONSENSUS_RECORD_MAX_ITEMS,
    PROOF_MAX_BYTES,
)
from native.codec import Value, array, blob, bounded, decode, encode, uint
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32

_VOTE_TAG: Final = 1
_PROPOSAL_TAG: Final = 2
_CERTIFICATE_TAG: Final = 3
_FINAL_TAG: Final = 4
_ALLOWED_TAG: Final = 5
_PROOF_TAG: Final = 9
"""6 to 8 are those of `consensus.lanes.records`."""
_BLOCK_FIELDS: Final = 8


@dataclass(frozen=True, slots=True)
class VoteCast:
    """We are about to sign this vote."""

    vote: Vote
    epoch: int


@dataclass(frozen=True, slots=True)
class ProposalCast:
    """We are about to sign this proposal."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """A certificate our later votes rest on."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class HeightFinal:
    """Everything up to `view` of this epoch is settled: the floor below which we never sign."""

    instance_id: Hash32
    epoch: int
    view: int
    height: int
    block_id: Hash32


@dataclass(frozen=True, slots=True)
class SigningAllowed:
    """Probation ended: from `view` of this epoch on, all that we ever sign is in this log."""

    instance_id: Hash32
    epoch: int
    view: int


@dataclass(frozen=True, slots=True)
class ProofFound:
    """We can prove that somebody signed twice; what the ledger has to be shown, opaque here.

    Nothing that we sign rests on it: it belongs to no instance, and no core looks at it.
    """

    body: bytes


Record = VoteCast | ProposalCast | CertificateSeen | HeightFinal | SigningAllowed | ProofFound


def is_trusted(records: Iterable[Record]) -> bool:
    """Whether a log holds all that its key has signed and that can still count.

    Only who was allowed to sign wrote one of these. A file that is merely there says nothing, nor
    do certificates: somebody on probation sees them too.
    """
    return any(isinstance(each, SigningAllowed | VoteCast | ProposalCast) for each in records)


def record_instance(record: Record) -> tuple[int, Hash32]:
    """(epoch, instance id) of a record: pruning and recovery go by it."""
    match record:
        case VoteCast(vote, epoch):
            return epoch, vote.instance_id
        case ProposalCast(proposal):
            return proposal.block.epoch, proposal.instance_id
        case CertificateSeen(certificate):
            return certificate.epoch, certificate.instance_id
        case HeightFinal() | SigningAllowed():
            return record.epoch, record.instance_id
        case ProofFound():
            return 0, ZERO_HASH


def record_view(record: Record) -> int:
    """The view of a record: those at or below the final view of their instance can go."""
    match record:
        case VoteCast(vote):
            return vote.view
        case ProposalCast(proposal):
            return proposal.view
        case CertificateSeen(certificate):
            return certificate.view
        case HeightFinal() | SigningAllowed():
            return record.view
        case ProofFound():
            return 0


def encode_record(record: Record) -> bytes:
    """The bytes between length and checksum in the log."""
    match record:
        case VoteCast(vote, epoch):
            return encode(
                [
                    _VOTE_TAG,
                    vote.instance_id,
                    epoch,
                    int(vote.phase),
                    vote.view,
                    vote.height,
                    vote.block_id,
                ]
            )
        case ProposalCast(proposal):
            return encode(
                [
                    _PROPOSAL_TAG,
                    proposal.instance_id,
                    proposal.view,
                    proposal.justify_view,
                    proposal.proposer_index,
                    _block_value(proposal.block),
                ]
            )
        case CertificateSeen(certificate):
            return encode([_CERTIFICATE_TAG, certificate.encode()])
        case HeightFinal():
            return encode(
                [
                    _FINAL_TAG,
                    record.instance_id,
                    record.epoch,
                    record.view,
                    record.height,
                    record.block_id,
                ]
            )
        case SigningAllowed(instance_id, epoch, view):
            return encode([_ALLOWED_TAG, instance_id, epoch, view])
        case ProofFound(body):
            return encode([_PROOF_TAG, body])


def decode_record(raw: bytes) -> Record:
    """The exact inverse of `encode_record`; a record that does not decode is damage, not noise."""
    fields = decode(raw, max_bytes=CONSENSUS_RECORD_MAX_BYTES, max_items=CONSENSUS_RECORD_MAX_ITEMS)
    if not fields:
        raise DecodeError("an empty record")
    tag = uint(fields[0], bits=8)
    if tag == _VOTE_TAG:
        fields = array(fields, 7)
        phase, view, height = decode_phase(fields[3]), uint(fields[4]), uint(fields[5])
        vote = Vote(Hash32(blob(fields[1], 32)), phase, view, height, Hash32(blob(fields[6], 32)))
        return VoteCast(vote, uint(fields[2]))
    if tag == _PROPOSAL_TAG:
        fields = array(fields, 6)
        name, view, justify_view = Hash32(blob(fields[1], 32)), uint(fields[2]), uint(fields[3])
        block = _block_of(fields[5])
        return ProposalCast(Proposal(name, view, justify_view, block, uint(fields[4], bits=32)))
    if tag == _CERTIFICATE_TAG:
        return CertificateSeen(decode_certificate(array(fields, 2)[1]))
    if tag == _FINAL_TAG:
        fields = array(fields, 6)
        name, block_id = Hash32(blob(fields[1], 32)), Hash32(blob(fields[5], 32))
        return HeightFinal(name, uint(fields[2]), uint(fields[3]), uint(fields[4]), block_id)
    if tag == _ALLOWED_TAG:
        fields = array(fields, 4)
        return SigningAllowed(Hash32(blob(fields[1], 32)), uint(fields[2]), uint(fields[3]))
    if tag == _PROOF_TAG:
        return ProofFound(bounded(array(fields, 2)[1], PROOF_MAX_BYTES))
    raise DecodeError(f"no record of kind {tag}")


def _block_value(block: BlockRef) -> list[Value]:
    return [
        block.id,
        block.height,
        block.view,
        block.epoch,
        block.parent_id,
        block.parent_view,
        block.proposer_index,
        block.timestamp_ms,
    ]


def _block_of(value: Value) -> BlockRef:
    fields = array(value, _BLOCK_FIELDS)
    return BlockRef(
        Hash32(blob(fields[0], 32)),
        uint(fields[1]),
        uint(fields[2]),
        uint(fields[3]),
        Hash32(blob(fields[4], 32)),
        uint(fields[5]),
        uint(fields[6], bits=32),
        uint(fields[7]),
    )
