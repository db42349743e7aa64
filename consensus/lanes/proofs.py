"""Why a checkpoint may be proposed: rule (a), (b) or (c), attached to its proposal, outside its id.

A proof is no part of what is signed, since one block has many valid ones. `check_proof` needs no
state but the committee; rule (c) also looks at the reader's own clock and tip (ballots.py).
"""

from dataclasses import dataclass
from typing import Final

from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.committee import COMMITTEE_SEATS
from consensus.electorate import Electorate
from consensus.errors import InvalidProof
from consensus.instance import Instance
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import (
    SignedClose,
    decode_close,
    decode_optional_certificate,
    encode_close,
    proves_tip,
    seats_closed,
)
from consensus.quorum import reaches_quorum
from consensus.votes import VotePhase
from native.codec import Value, array, sequence, uint

PROOF_FIELDS: Final = 3
_BOUNDARY_TAG: Final = 1
_CLOSES_TAG: Final = 2
_WAITED_TAG: Final = 3


@dataclass(frozen=True, slots=True)
class BoundaryFinal:
    """(a) The committee made the last block of its term final."""

    final: QuorumCertificate

    @property
    def view(self) -> int:
        """The view of the block, by which tips compare."""
        return self.final.view

    @property
    def certificate(self) -> QuorumCertificate | None:
        """What proves the block notarized."""
        return self.final


@dataclass(frozen=True, slots=True)
class CommitteeClosed:
    """(b) A quorum of seats closed the term, none on a higher tip."""

    notar: QuorumCertificate | None
    closes: tuple[SignedClose, ...]

    @property
    def view(self) -> int:
        """The view of the block, by which tips compare; 0 is the start of the term."""
        return 0 if self.notar is None else self.notar.view

    @property
    def certificate(self) -> QuorumCertificate | None:
        """What proves the block notarized."""
        return self.notar


@dataclass(frozen=True, slots=True)
class WaitedOut:
    """(c) The term stood still too long: whoever knows no higher tip agrees."""

    notar: QuorumCertificate | None

    @property
    def view(self) -> int:
        """The view of the block, by which tips compare; 0 is the start of the term."""
        return 0 if self.notar is None else self.notar.view

    @property
    def certificate(self) -> QuorumCertificate | None:
        """What proves the block notarized."""
        return self.notar


CheckpointProof = BoundaryFinal | CommitteeClosed | WaitedOut


def check_proof(proof: CheckpointProof, checkpoint: Checkpoint, term: Instance) -> None:
    """Raise `InvalidProof` unless it is about this checkpoint of this term; signatures aside."""
    certificate = proof.certificate
    if certificate is None:
        if checkpoint.block_id != term.start.id:
            raise InvalidProof("a block without a certificate")
    else:
        if not proves_tip(certificate, term.id, checkpoint.block_id):
            raise InvalidProof("a certificate of another block or term")
        certificate.check_quorum(term.electorate)
    match proof:
        case BoundaryFinal(final):
            if final.phase is not VotePhase.COMMIT or final.height != term.last_height:
                raise InvalidProof("not the FINAL of a last block")
        case CommitteeClosed(closes=closes):
            _check_closes(closes, proof.view, term)
        case WaitedOut():
            pass


def _check_closes(closes: tuple[SignedClose, ...], view: int, term: Instance) -> None:
    committee: Electorate = term.electorate
    holders = [each.voter_index for each in closes]
    if len(set(holders)) != len(holders) or max(holders, default=0) >= len(committee):
        raise InvalidProof("the same seat twice, or a foreign one")
    for each in closes:
        if each.close.instance_id != term.id:
            raise InvalidProof("a CLOSE of another term")
        if each.close.tip_view > view:
            raise InvalidProof("a CLOSE on a higher tip")
    if not reaches_quorum(seats_closed(closes, committee), committee.total):
        raise InvalidProof("too few seats have closed")


def encode_proof(proof: CheckpointProof) -> list[Value]:
    """The wire form."""
    match proof:
        case BoundaryFinal(final):
            return [_BOUNDARY_TAG, final.encode(), []]
        case CommitteeClosed(notar, closes):
            return [_CLOSES_TAG, _optional(notar), [encode_close(each) for each in closes]]
        case WaitedOut(notar):
            return [_WAITED_TAG, _optional(notar), []]


def decode_proof(value: Value) -> CheckpointProof:
    """The exact inverse of `encode_proof`."""
    fields = array(value, PROOF_FIELDS)
    tag, limit = uint(fields[0], bits=8), COMMITTEE_SEATS
    closes = sequence(fields[2], limit if tag == _CLOSES_TAG else 0)
    if tag == _BOUNDARY_TAG:
        return BoundaryFinal(decode_certificate(fields[1], members_max=limit))
    if tag == _CLOSES_TAG:
        notar = decode_optional_certificate(fields[1])
        return CommitteeClosed(notar, tuple(decode_close(each) for each in closes))
    if tag == _WAITED_TAG:
        return WaitedOut(decode_optional_certificate(fields[1]))
    raise InvalidProof(f"no proof of kind {tag}")


def _optional(certificate: QuorumCertificate | None) -> list[Value]:
    return [] if certificate is None else certificate.encode()
