"""Proof of a fork: two chains that one electorate made final, and who signed for both.

A `Disclosure` is what one home holds of one epoch; two of them, of two sides, make a `ForkProof`,
which stands on its own: who knows the validators of that epoch needs nothing else.

On a chain of two lanes it is a ballot of the hard lane that takes the place of an epoch, and its
checkpoint that of the headers. What a committee signs makes nothing hard and parts no chains.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

from consensus.certificates import (
    QuorumCertificate,
    certificate_witnesses,
)
from consensus.errors import ForkUnproven, InvalidCertificate, NoFork
from consensus.evidence import (
    ConflictingVotes,
    votes_conflict,
)
from consensus.forensics import Branch, convicted, decisive_votes, lacking
from consensus.headers import block_ref
from consensus.instance import BlockRef, instance_id
from consensus.lanes.checkpoints import checkpoint_ref
from consensus.light import Verify
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.checkpoints import Checkpoint
from genesis.validators import ValidatorSet
from native.hashing import Hash32
from native.signatures import SignatureItem
from vm.blocks import Header

Decided: TypeAlias = Header | Checkpoint
"""What a quorum of the set makes final."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """Who decided the blocks of an epoch, and on which block they began.

    Of two lanes: who decided a `checkpoint`, and which one was before it.
    """

    genesis_hash: Hash32
    number: int
    start_id: Hash32
    validators: ValidatorSet
    checkpoint: int = 0

    @property
    def instance_id(self) -> Hash32:
        """The name that all votes of this epoch carry, and which vouches for all of the above."""
        set_hash, start = self.validators.hash, self.start_id
        return instance_id(self.genesis_hash, self.number, set_hash, start, term=self.checkpoint)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The final headers of one epoch, ascending, and every certificate of it that is held."""

    epoch: Epoch
    headers: tuple[Decided, ...]
    certificates: tuple[QuorumCertificate, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A FINAL, and the headers from its block (first) down to where the other side differs."""

    certificate: QuorumCertificate
    headers: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two sides of one epoch, and one pair of signatures of each member that signed for both."""

    epoch: Epoch
    sides: tuple[Side, Side]
    evidence: tuple[ConflictingVotes, ...]
    lacking: tuple[Vote, ...] = ()
    """Votes whose certificates would convict 38 %, and which none of the disclosures held."""

    @property
    def height(self) -> int:
        """The first height that has two final blocks, as far as headers were kept; the number
        that has two checkpoints."""
        return place_of(self.sides[0].headers[-1]).height

    @property
    def offenders(self) -> Mapping[int, int]:
        """The stake of each convicted member, by its place in the set."""
        validators = self.epoch.validators
        return {each.offender: validators[each.offender].stake for each in self.evidence}

    @property
    def convicted_percent(self) -> int:
        """Of the stake of the epoch, rounded down."""
        return 100 * sum(self.offenders.values()) // self.epoch.validators.total_stake


def place_of(decided: Decided) -> BlockRef:
    """Of a block in the chain, or of a checkpoint in that of the checkpoints."""
    return checkpoint_ref(decided) if isinstance(decided, Checkpoint) else block_ref(decided)


def prove_fork(disclosures: Sequence[Disclosure], verify: Verify) -> ForkProof:
    """Two disclosures at least, of one epoch; those that agree with another add what they hold.

    Certificates that are not true, and headers with none above them, are left out: a disclosure
    may come from anybody.
    NoFork where all of them are of one chain, or where chains parted before this epoch.
    """
    epoch = disclosures[0].epoch
    if any(each.epoch != epoch for each in disclosures):
        raise NoFork(epoch.number, "these are of different epochs, or parted before this one")
    disclosures = [_made_final(each, verify) for each in disclosures]
    one, other = _sides(disclosures)
    pairs = decisive_votes(_branch(one), _branch(other))
    guilty = convicted(_true_rivals(disclosures, verify), epoch.instance_id)
    asked = {vote for pair in pairs for vote in pair}
    held = (each for disclosure in disclosures for each in disclosure.certificates)
    gap = lacking(pairs, (c for c in held if c.vote in asked and _is_true(c, epoch, verify)))
    return ForkProof(epoch, (one, other), tuple(guilty.values()), gap)


def verify_fork_proof(proof: ForkProof, verify: Verify) -> None:
    """ForkUnproven unless both sides were made final by this set, and all accused signed twice.

    That the set is the one of that epoch is for the caller to know, by its hash.
    """
    epoch, name = proof.epoch, proof.epoch.instance_id
    for side in proof.sides:
        certificate = side.certificate
        signed = (certificate.instance_id, certificate.epoch, certificate.phase)
        if signed != (name, epoch.number, VotePhase.COMMIT):
            raise ForkUnproven("a side's certificate is not a FINAL of this epoch")
        _require_path(side)
        if not _is_true(certificate, epoch, verify):
            raise ForkUnproven("a side was not signed by 69 % of the stake")
    one, other = (place_of(side.headers[-1]) for side in proof.sides)
    if one.height != other.height or one.id == other.id:
        raise ForkUnproven("both sides are of one chain")
    _require_guilty(proof, verify)


def _made_final(disclosure: Disclosure, verify: Verify) -> Disclosure:
    """Only FINALs that are true, and headers that one of them is above."""
    epoch = disclosure.epoch
    finals, others = list[QuorumCertificate](), list[QuorumCertificate]()
    for certificate in disclosure.certificates:
        if certificate.phase is not VotePhase.COMMIT:
            others.append(certificate)
        elif certificate.instance_id == epoch.instance_id and _is_true(certificate, epoch, verify):
            finals.append(certificate)
    ids = {certificate.block_id for certificate in finals}
    headers: list[Decided] = []
    for header in sorted(disclosure.headers, key=lambda each: place_of(each).height, reverse=True):
        if header.id in ids:
            headers.append(header)
            ids.add(header.parent_id)
    return replace(disclosure, headers=tuple(headers[::-1]), certificates=(*finals, *others))


def _true_rivals(disclosures: Sequence[Disclosure], verify: Verify) -> Iterator[QuorumCertificate]:
    """The certificates that stand against another one of their view, as far as they are true."""
    epoch = disclosures[0].epoch
    held: dict[int, set[QuorumCertificate]] = {}
    for each in disclosures:
        for certificate in each.certificates:
            if certificate.instance_id == epoch.instance_id:
                held.setdefault(certificate.view, set()).add(certificate)
    for rivals in held.values():
        votes = {certificate.vote for certificate in rivals}
        for certificate in rivals:
            contested = any(votes_conflict(certificate.vote, vote) for vote in votes)
            if contested and _is_true(certificate, epoch, verify):
                yield certificate


def _is_true(certificate: QuorumCertificate, epoch: Epoch, verify: Verify) -> bool:
    try:
        certificate.check_weight([each.stake for each in epoch.validators])
    except InvalidCertificate:
        return False
    return all(verify(certificate_witnesses(certificate, epoch.validators)))


def _sides(disclosures: Sequence[Disclosure]) -> tuple[Side, Side]:
    """The lowest height with two blocks, and of each the nearest FINAL above it."""
    first = disclosures[0]
    seen: dict[int, Disclosure] = {}
    ids: dict[int, Hash32] = {}
    by_height = [
        {place_of(header).height: header.id for header in each.headers} for each in disclosures
    ]
    for height in sorted({height for known in by_height for height in known}):
        for disclosure, known in zip(disclosures, by_height, strict=True):
            if height not in known:
                continue
            if ids.setdefault(height, known[height]) != known[height]:
                return _side(seen[height], height), _side(disclosure, height)
            seen.setdefault(height, disclosure)
    raise NoFork(first.epoch.number, "all of them hold the same blocks")


def _side(disclosure: Disclosure, height: int) -> Side:
    at = {place_of(header).height: header for header in disclosure.headers}
    finals = [
        certificate
        for certificate in disclosure.certificates
        if certificate.phase is VotePhase.COMMIT
        and certificate.height >= height
        and certificate.height in at
        and at[certificate.height].id == certificate.block_id
    ]
    if not finals:
        raise NoFork(disclosure.epoch.number, f"no certificate covers block {height}")
    nearest = min(finals, key=lambda certificate: certificate.height)
    return Side(nearest, tuple(at[each] for each in range(nearest.height, height - 1, -1)))


def _branch(side: Side) -> Branch:
    return Branch(side.certificate, tuple(map(place_of, side.headers)))


def _require_path(side: Side) -> None:
    if not side.headers or side.headers[0].id != side.certificate.block_id:
        raise ForkUnproven("a side's certificate is of another block")
    places = tuple(map(place_of, side.headers))
    for child, place in pairwise(places):
        if (child.parent_id, child.height) != (place.id, place.height + 1):
            raise ForkUnproven("a side's headers do not follow each other")


def _require_guilty(proof: ForkProof, verify: Verify) -> None:
    epoch = proof.epoch
    if len({each.offender for each in proof.evidence}) != len(proof.evidence):
        raise ForkUnproven("a validator is named twice")
    for each in proof.evidence:
        if (each.first.vote.instance_id, each.epoch) != (epoch.instance_id, epoch.number):
            raise ForkUnproven("a pair of votes is not of this epoch")
        if each.offender >= len(epoch.validators):
            raise ForkUnproven(f"the epoch has no validator {each.offender}")
        key = epoch.validators[each.offender].public_key
        if not all(verify([_witness(signed, key) for signed in (each.first, each.second)])):
            raise ForkUnproven(f"validator {each.offender} did not sign both votes")


def _witness(signed: SignedVote, key: bytes) -> SignatureItem:
    return SignatureItem(key, signed.vote.signing_bytes, VOTE_CONTEXT, signed.signature)
