"""Signs what the core decided (R8): the guard agrees, the log is on disk, then it is signed."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import trio

from aichain.node.context import NodeContext
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.failpoints import CrashPoint, FailPoints
from aichain.store.wal import VoteWal
from consensus.core.effects import (
    CastProposal,
    CastVote,
    Effect,
    Finalize,
    PersistCertificate,
)
from consensus.core.events import Event, ProposalAccepted, VoteAccepted
from consensus.guard import SignedSlots, is_repeat, may_cast
from consensus.proposals import PROPOSAL_CONTEXT, SignedProposal
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProofFound,
    ProposalCast,
    SigningAllowed,
    VoteCast,
    decode_record,
    encode_record,
    record_instance,
    record_view,
)
from consensus.votes import VOTE_CONTEXT, SignedVote, VotePhase
from genesis import limits
from native.hashing import Hash32
from native.signatures import SigningKey
from p2p.network import Audience

PostEvent = Callable[[Event], None]
SendProposal = Callable[[SignedProposal], None]


@dataclass(frozen=True, slots=True)
class Signer:
    """One validator's key and the log of what it signed; there is one of these per key."""

    key: SigningKey
    wal: VoteWal
    archive: CertificateArchive | None = None
    """Where certificates go that leave the log."""


class Ballots:
    """Casts votes and proposals. A second check, independent of the core, guards each of them."""

    def __init__(
        self,
        signer: Signer,
        slots: SignedSlots,
        context: NodeContext,
        post: PostEvent,
        *,
        holds: Callable[[ProofFound], bool] = lambda record: False,
        prune_bytes: int = limits.WAL_PRUNE_BYTES,
        reached: CrashPoint | None = None,
    ) -> None:
        self._key = signer.key
        self._wal = signer.wal
        self._archive = signer.archive
        self._slots = slots
        self._network = context.network
        self._clock = context.clock
        self._metrics = context.metrics
        self._post = post
        self._run_blocking = context.run_blocking
        self._holds = holds
        self._prune_bytes = prune_bytes
        self._reached = reached or FailPoints()
        self._limiter = trio.CapacityLimiter(1)

    async def log(self, effects: Iterable[Effect]) -> None:
        """Make durable, in one fsync, every vote and proposal these effects cast.

        Certificates are written in their place before the votes that rest on them; without a
        vote they wait for the next one, for losing them alone costs nothing. Raises DoubleSign
        (our bug: the node must stop) before anything is written.
        """
        new: list[bytes] = []
        must_sync = False
        for effect in effects:
            record = _record(effect)
            if record is None or (
                not isinstance(record, CertificateSeen) and self._is_logged(record)
            ):
                continue
            self._slots = self._slots.after(record)
            must_sync = must_sync or not isinstance(record, CertificateSeen)
            new.append(encode_record(record))
        if must_sync:
            await self._run_blocking(self._append, new, limiter=self._limiter)
            self._reached("vote logged")
            return
        for raw in new:
            self._wal.defer(raw)

    async def allow(self, record: SigningAllowed) -> None:
        """Probation is over: this log is the whole truth from here on, and durably says so."""
        self._slots = self._slots.after(record)
        await self._run_blocking(self._append, [encode_record(record)], limiter=self._limiter)

    async def keep(self, record: ProofFound) -> None:
        """Durable on return; it stays until nobody holds it any more."""
        await self._run_blocking(self._append, [encode_record(record)], limiter=self._limiter)

    def _is_logged(self, record: VoteCast | ProposalCast) -> bool:
        """Whether exactly this was logged before; DoubleSign if it must not be signed."""
        may_cast(self._slots, record)
        return is_repeat(self._slots, record)

    async def settle(self, effect: Finalize, instance_id: Hash32) -> None:
        """Views up to this FINAL are settled: note the floor, and drop old records now and then."""
        vote, last = effect.certificate.vote, effect.blocks[-1]
        floor = HeightFinal(
            vote.instance_id, effect.certificate.epoch, vote.view, last.height, last.id
        )
        self._slots = self._slots.after(floor)
        self._wal.defer(encode_record(floor))
        if self._wal.size_bytes < self._prune_bytes:
            return
        await self._run_blocking(
            self._wal.prune,
            lambda raw: _outlives(raw, floor, instance_id) or self._is_proof(raw),
            self._move,
            limiter=self._limiter,
        )

    async def cast_vote(self, effect: CastVote, voter_index: int) -> None:
        """Sign a logged vote, send it to the validators and count it ourselves."""
        signature = await self._sign(effect.vote.signing_bytes, VOTE_CONTEXT)
        signed = SignedVote(effect.vote, effect.epoch, voter_index, signature)
        self._network.push(signed, Audience.VALIDATORS)
        self._reached("vote sent")
        self._post(VoteAccepted(signed, self._clock.now_ms()))

    async def cast_proposal(self, effect: CastProposal, send: SendProposal) -> None:
        """Sign a logged proposal, send it with its block's contents and tell the core."""
        signature = await self._sign(effect.proposal.signing_bytes, PROPOSAL_CONTEXT)
        signed = SignedProposal(effect.proposal, signature)
        send(signed)
        self._post(ProposalAccepted(signed, self._clock.now_ms()))

    def _append(self, records: list[bytes]) -> None:
        began = time.perf_counter()
        self._wal.append(*records)
        self._metrics.wal_synced(time.perf_counter() - began)

    def _is_proof(self, raw: bytes) -> bool:
        """One that the chain has not punished yet."""
        record = decode_record(raw)
        return isinstance(record, ProofFound) and self._holds(record)

    def _move(self, dropped: Sequence[bytes]) -> None:
        """FINALs are in the database, votes of ours have done their work."""
        if self._archive is not None:
            self._archive.add([raw for raw in dropped if _may_convict(raw)])

    async def _sign(self, message: bytes, context: bytes) -> bytes:
        return await self._run_blocking(self._key.sign, message, context)


def _outlives(raw: bytes, floor: HeightFinal, instance_id: Hash32) -> bool:
    """Records of later views and instances stay, the floor does, and why this log is trusted."""
    record = decode_record(raw)
    if record == floor or isinstance(record, SigningAllowed):
        return True
    epoch, instance = record_instance(record)
    if instance == floor.instance_id:
        return record_view(record) > floor.view
    return epoch > floor.epoch or instance == instance_id


def _may_convict(raw: bytes) -> bool:
    record = decode_record(raw)
    return isinstance(record, CertificateSeen) and (
        record.certificate.phase is not VotePhase.COMMIT
    )


def _record(effect: Effect) -> VoteCast | ProposalCast | CertificateSeen | None:
    match effect:
        case CastVote(vote, epoch):
            return VoteCast(vote, epoch)
        case CastProposal(proposal):
            return ProposalCast(proposal)
        case PersistCertificate(certificate):
            return CertificateSeen(certificate)
        case _:
            return None
