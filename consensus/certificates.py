"""Quorum certificates: one quorum of votes for one thing, voters as bits, signatures in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from consensus.electorate import Electorate
from consensus.errors import QuorumNotReached, VotersMalformed, WrongInstance
from consensus.quorum import reaches_quorum
from consensus.votes import (
    VOTE_CONTEXT,
    VOTE_SIGNATURE_BYTES,
    SignedVote,
    Vote,
    VotePhase,
    decode_phase,
)
from genesis.limits import ELECTORATE_MEMBERS_MAX
from genesis.validators import ValidatorSet
from native.codec import Value, array, blob, bounded, sequence, uint
from native.hashing import Hash32
from native.signatures import SignatureItem

CERTIFICATE_FIELDS: Final = 8

_FIELD_BYTES: Final = 5
_REST_BYTES: Final = 160


@dataclass(frozen=True, slots=True)
class QuorumCertificate:
    """NOTAR (PREFER), FINAL (COMMIT) or NULL (CANCEL) of one view; any quorum subset is valid."""

    instance_id: Hash32
    epoch: int
    phase: VotePhase
    view: int
    height: int
    block_id: Hash32
    voters: bytes
    signatures: tuple[bytes, ...]

    @property
    def vote(self) -> Vote:
        """What every voter signed."""
        return Vote(self.instance_id, self.phase, self.view, self.height, self.block_id)

    @property
    def voter_indices(self) -> tuple[int, ...]:
        """Who signed, in ascending order; bit i of the set is bit i%8 of byte i//8."""
        return tuple(
            8 * at + bit
            for at, byte in enumerate(self.voters)
            for bit in range(8)
            if byte >> bit & 1
        )

    @property
    def size(self) -> int:
        """So many bytes at most in the form below."""
        signatures = sum(len(each) + _FIELD_BYTES for each in self.signatures)
        return signatures + len(self.voters) + _REST_BYTES

    def votes(self) -> tuple[SignedVote, ...]:
        """The certificate taken apart again."""
        vote = self.vote
        return tuple(
            SignedVote(vote, self.epoch, index, signature)
            for index, signature in zip(self.voter_indices, self.signatures, strict=True)
        )

    def encode(self) -> list[Value]:
        """The form on the wire, in the log and in the store: self-contained."""
        return [
            self.instance_id,
            self.epoch,
            int(self.phase),
            self.view,
            self.height,
            self.block_id,
            self.voters,
            list(self.signatures),
        ]

    def check_shape(self, size: int) -> None:
        """The bitmap fits an electorate of `size` and has one bit per signature."""
        if len(self.voters) != -(-size // 8):
            raise VotersMalformed(f"{len(self.voters)} bytes of voters for {size} members")
        indices = self.voter_indices
        if indices and indices[-1] >= size:
            raise VotersMalformed(f"voter {indices[-1]} of {size}")
        if len(indices) != len(self.signatures):
            raise VotersMalformed(f"{len(indices)} voters, {len(self.signatures)} signatures")

    def check_quorum(self, electorate: Electorate) -> None:
        """Everything but the signatures: epoch, shape, and 69 % of the weight."""
        if self.epoch != electorate.epoch:
            raise WrongInstance(electorate.epoch, self.epoch)
        self.check_weight(electorate.weights)

    def check_weight(self, weights: Sequence[int]) -> None:
        """Shape, and 69 % of the weight of these voters, in the order of their indices."""
        self.check_shape(len(weights))
        weight, total = sum(weights[index] for index in self.voter_indices), sum(weights)
        if not reaches_quorum(weight, total):
            raise QuorumNotReached(weight, total)


def decode_certificate(
    value: Value, *, members_max: int = ELECTORATE_MEMBERS_MAX
) -> QuorumCertificate:
    """The exact inverse of `encode`; quorum and signatures are checked by the reader."""
    fields = array(value, CERTIFICATE_FIELDS)
    certificate = QuorumCertificate(
        Hash32(blob(fields[0], 32)),
        uint(fields[1]),
        decode_phase(fields[2]),
        uint(fields[3]),
        uint(fields[4]),
        Hash32(blob(fields[5], 32)),
        bounded(fields[6], -(-members_max // 8)),
        tuple(bounded(item, VOTE_SIGNATURE_BYTES) for item in sequence(fields[7], members_max)),
    )
    certificate.vote  # noqa: B018 - the constructor of the vote checks the ranges
    return certificate


def certificate_witnesses(
    certificate: QuorumCertificate, validators: ValidatorSet, electorate: Electorate | None = None
) -> tuple[SignatureItem, ...]:
    """What must verify for the certificate to hold. Call after `check_quorum`.

    The voters of a term are but some of the set: their `electorate` says where they stand in it.
    """
    message = certificate.vote.signing_bytes
    voters = certificate.voter_indices
    places = voters if electorate is None else tuple(map(electorate.place, voters))
    return tuple(
        SignatureItem(validators[place].public_key, message, VOTE_CONTEXT, signature)
        for place, signature in zip(places, certificate.signatures, strict=True)
    )


def assemble(votes: Iterable[SignedVote], size: int) -> QuorumCertificate:
    """Votes for one and the same thing become a certificate; order does not matter."""
    ordered = sorted(votes, key=lambda signed: signed.voter_index)
    vote, epoch = ordered[0].vote, ordered[0].epoch
    assert all(signed.vote == vote for signed in ordered), "votes for different things"
    return QuorumCertificate(
        vote.instance_id,
        epoch,
        vote.phase,
        vote.view,
        vote.height,
        vote.block_id,
        encode_voters([signed.voter_index for signed in ordered], size),
        tuple(signed.signature for signed in ordered),
    )


def encode_voters(indices: Sequence[int], size: int) -> bytes:
    """A set of voters as bits."""
    bits = bytearray(-(-size // 8))
    for index in indices:
        assert not bits[index // 8] >> index % 8 & 1, "one vote per voter"
        bits[index // 8] |= 1 << index % 8
    return bytes(bits)
