"""Signs what the lanes decided (R8): the guard agrees, the log is on disk, then it is signed."""

import time
from collections.abc import Callable, Iterable, Sequence

import trio

from aichain.node.ballots import Signer
from aichain.node.context import NodeContext
from aichain.node.lanes.instances import Seating
from consensus.core import effects as core
from consensus.lanes import effects as asked
from consensus.lanes.closes import CLOSE_CONTEXT, Close, SignedClose
from consensus.lanes.effects import LaneEffect
from consensus.lanes.guard import SignedLanes, is_repeat, may_sign
from consensus.lanes.records import (
    CheckpointHard,
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    decode_lane_record,
    encode_lane_record,
    lane_record_instance,
)
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, SignedProposal
from consensus.records import CertificateSeen, ProofFound, ProposalCast, SigningAllowed, VoteCast
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote
from genesis import limits
from native.hashing import Hash32

_Signed = VoteCast | ProposalCast | TermClosed


class LaneBallots:
    """Votes, proposals and CLOSEs. A second check, independent of the core, guards each of them."""

    def __init__(
        self,
        signer: Signer,
        signed: SignedLanes,
        context: NodeContext,
        *,
        holds: Callable[[ProofFound], bool] = lambda record: False,
        prune_bytes: int = limits.WAL_PRUNE_BYTES,
    ) -> None:
        self._key = signer.key
        self._wal = signer.wal
        self._archive = signer.archive
        self._signed = signed
        self._metrics = context.metrics
        self._run_blocking = context.run_blocking
        self._holds = holds
        self._prune_bytes = prune_bytes
        self._limiter = trio.CapacityLimiter(1)
        self._waiting = 0

    async def log(self, effects: Iterable[LaneEffect]) -> None:
        """Make durable, in one fsync, all that these effects sign, and what it rests on before it.

        Certificates and checkpoints wait for the next signature, or for the moment when blocks
        are shown as fast. Raises DoubleSign (our bug: the node must stop) before anything is
        written.
        """
        new: list[bytes] = []
        must_sync = False
        for effect in effects:
            must_sync = must_sync or isinstance(effect, asked.ExtendFast)
            record = _record(effect)
            if record is None:
                continue
            if isinstance(record, VoteCast | ProposalCast | TermClosed):
                if self._is_logged(record):
                    continue
                must_sync = True
            self._signed = self._signed.after(record)
            new.append(encode_lane_record(record))
        await self._write(new, must_sync=must_sync)

    async def allow(self, record: SigningAllowed) -> None:
        """Probation is over: this log is the whole truth from here on, and durably says so."""
        self._signed = self._signed.after(record)
        await self._write([encode_lane_record(record)], must_sync=True)

    async def keep(self, record: ProofFound) -> None:
        """Durable on return; it stays until nobody holds it any more."""
        await self._write([encode_lane_record(record)], must_sync=True)

    async def settle(self, floor: CheckpointHard, living: frozenset[Hash32]) -> None:
        """A checkpoint is hard: note it, and drop what is settled now and then."""
        over = set(self._signed.slots) | set(self._signed.closed)
        self._signed = self._signed.without(over - living)
        await self._write([encode_lane_record(floor)], must_sync=False)
        if self._wal.size_bytes < self._prune_bytes:
            return
        await self._run_blocking(
            self._wal.prune,
            lambda raw: _outlives(raw, floor, living) or self._is_proof(raw),
            lambda dropped: self._move(dropped, floor),
            limiter=self._limiter,
        )
        self._waiting = 0

    async def sign_vote(self, vote: Vote, epoch: int, voter_index: int) -> SignedVote:
        """Sign a logged vote."""
        signature = await self._sign(vote.signing_bytes, VOTE_CONTEXT)
        return SignedVote(vote, epoch, voter_index, signature)

    async def sign_proposal(self, proposal: Proposal) -> SignedProposal:
        """Sign a logged proposal, of a block or of a checkpoint."""
        signature = await self._sign(proposal.signing_bytes, PROPOSAL_CONTEXT)
        return SignedProposal(proposal, signature)

    async def sign_close(self, record: TermClosed, seating: Seating, seat: int) -> SignedClose:
        """Sign a logged CLOSE."""
        close = Close(record.instance_id, record.tip_view, record.tip_id)
        signature = await self._sign(close.signing_bytes, CLOSE_CONTEXT)
        return SignedClose(close, record.epoch, seating.number, seat, signature)

    def _is_logged(self, record: _Signed) -> bool:
        """Whether exactly this was logged before; DoubleSign if it must not be signed."""
        may_sign(self._signed, record)
        return is_repeat(self._signed, record)

    async def _write(self, new: list[bytes], *, must_sync: bool) -> None:
        """In their order. What waits is never so much that the log would forget some of it."""
        self._waiting += len(new)
        if must_sync or self._waiting > limits.WAL_DEFERRED_RECORDS // 2:
            if self._waiting:
                await self._run_blocking(self._append, new, limiter=self._limiter)
                self._waiting = 0
            return
        for raw in new:
            self._wal.defer(raw)

    def _append(self, records: list[bytes]) -> None:
        began = time.perf_counter()
        self._wal.append(*records)
        self._metrics.wal_synced(time.perf_counter() - began)

    def _is_proof(self, raw: bytes) -> bool:
        """One that the chain has not punished yet."""
        record = decode_lane_record(raw)
        return isinstance(record, ProofFound) and self._holds(record)

    def _move(self, dropped: Sequence[bytes], floor: CheckpointHard) -> None:
        """What ballots voted on and its certificates. Of decisions the database keeps but some."""
        if self._archive is None:
            return
        records = [decode_lane_record(raw) for raw in dropped]
        ballots = {
            each.instance_id
            for each in (*records, floor)
            if isinstance(each, CheckpointSeen | CheckpointHard)
        }
        kept = [
            raw
            for raw, record in zip(dropped, records, strict=True)
            if isinstance(record, CertificateSeen | CheckpointSeen)
            and lane_record_instance(record) in ballots
        ]
        self._archive.add(kept)

    async def _sign(self, message: bytes, context: bytes) -> bytes:
        return await self._run_blocking(self._key.sign, message, context)


def _outlives(raw: bytes, floor: CheckpointHard, living: frozenset[Hash32]) -> bool:
    """Records of living instances stay, the floor does, and why this log is trusted."""
    record = decode_lane_record(raw)
    if record == floor or isinstance(record, SigningAllowed):
        return True
    return lane_record_instance(record) in living


def _record(effect: LaneEffect) -> LaneRecord | None:
    match effect:
        case asked.InInstance(_, core.CastVote(vote, epoch)):
            return VoteCast(vote, epoch)
        case asked.InInstance(_, core.CastProposal(proposal)):
            return ProposalCast(proposal)
        case asked.InInstance(_, core.PersistCertificate(certificate)):
            return CertificateSeen(certificate)
        case asked.CastCheckpoint(proposal):
            return ProposalCast(proposal)
        case asked.CloseTerm(record):
            return record
        case asked.Persist(record):
            return record
        case _:
            return None
