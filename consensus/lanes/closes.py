"""CLOSE: a seat's word that it signs nothing more in a term, and the highest NOTAR it stood on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consensus.certificates import CERTIFICATE_FIELDS, QuorumCertificate, decode_certificate
from consensus.committee import COMMITTEE_SEATS
from consensus.electorate import Electorate
from consensus.errors import MalformedClose
from consensus.votes import VOTE_SIGNATURE_BYTES, VotePhase
from genesis.signed_bytes import CLOSE_CONTEXT as CLOSE_CONTEXT
from genesis.signed_bytes import close_bytes
from native.codec import Value, array, blob, bounded, sequence, uint
from native.hashing import Hash32

CLOSE_FIELDS: Final = 7
_MESSAGE_FIELDS: Final = 2


@dataclass(frozen=True, slots=True)
class Close:
    """What is signed: 77 bytes of fixed layout. View 0 is the block the term started at."""

    instance_id: Hash32
    tip_view: int
    tip_id: Hash32

    def __post_init__(self) -> None:
        if not 0 <= self.tip_view < 2**64:
            raise MalformedClose("view out of range")

    @property
    def signing_bytes(self) -> bytes:
        """`AICC1`, instance, view and id of the tip."""
        return close_bytes(self.instance_id, self.tip_view, self.tip_id)


@dataclass(frozen=True, slots=True)
class SignedClose:
    """A CLOSE with its seat holder's index in the committee of `term`, and signature."""

    close: Close
    epoch: int
    term: int
    voter_index: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class CloseMessage:
    """A CLOSE as it is sent: with the certificate of its tip, so that nobody can lie high."""

    signed: SignedClose
    notar: QuorumCertificate | None

    def __post_init__(self) -> None:
        close, notar = self.signed.close, self.notar
        if (notar is None) != (close.tip_view == 0):
            raise MalformedClose("a tip without its certificate, or the other way round")
        if notar is not None and not proves_tip(notar, close.instance_id, close.tip_id):
            raise MalformedClose("the certificate is of another block or instance")
        if notar is not None and notar.view != close.tip_view:
            raise MalformedClose("the certificate is of another view")

    def encode(self) -> list[Value]:
        """The wire form; an empty array stands for no certificate."""
        return [encode_close(self.signed), [] if self.notar is None else self.notar.encode()]


def proves_tip(certificate: QuorumCertificate, instance_id: Hash32, block_id: Hash32) -> bool:
    """NOTAR of the block, or FINAL, which implies one (R6)."""
    return (
        certificate.instance_id == instance_id
        and certificate.block_id == block_id
        and certificate.phase is not VotePhase.CANCEL
    )


def seats_closed(closes: Iterable[SignedClose], committee: Electorate) -> int:
    """The seats behind these CLOSEs, each holder counted once."""
    return sum(committee.weights[index] for index in {each.voter_index for each in closes})


def encode_close(signed: SignedClose) -> list[Value]:
    """The wire form of the signed part."""
    close = signed.close
    head: list[Value] = [close.instance_id, signed.epoch, signed.term, close.tip_view]
    return [*head, close.tip_id, signed.voter_index, signed.signature]


def decode_close(value: Value) -> SignedClose:
    """The exact inverse of `encode_close`."""
    fields = array(value, CLOSE_FIELDS)
    voter_index = uint(fields[5], bits=32)
    if voter_index >= COMMITTEE_SEATS:
        raise MalformedClose("voter index out of range")
    close = Close(Hash32(blob(fields[0], 32)), uint(fields[3]), Hash32(blob(fields[4], 32)))
    signed_by = bounded(fields[6], VOTE_SIGNATURE_BYTES)
    return SignedClose(close, uint(fields[1]), uint(fields[2]), voter_index, signed_by)


def decode_close_message(value: Value) -> CloseMessage:
    """The exact inverse of `CloseMessage.encode`."""
    signed, notar = array(value, _MESSAGE_FIELDS)
    return CloseMessage(decode_close(signed), decode_optional_certificate(notar))


def decode_optional_certificate(value: Value) -> QuorumCertificate | None:
    """A committee's certificate, or none for the start of a term."""
    held = sequence(value, CERTIFICATE_FIELDS)
    return decode_certificate(held, members_max=COMMITTEE_SEATS) if held else None
