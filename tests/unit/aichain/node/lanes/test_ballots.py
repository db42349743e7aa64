"""R8 over both lanes: what a signature rests on is on disk before it, and nothing contradicts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import trio

from aichain.metrics import Metrics
from aichain.node.ballots import Signer
from aichain.node.context import NodeContext
from aichain.node.lanes.ballots import LaneBallots
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.wal import VoteWal
from consensus.certificates import QuorumCertificate
from consensus.core.effects import CastVote, PersistCertificate
from consensus.errors import DoubleSign
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.effects import CloseTerm, ExtendFast, InInstance, LaneEffect, Persist
from consensus.lanes.guard import SignedLanes
from consensus.lanes.records import (
    CheckpointHard,
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    decode_lane_record,
)
from consensus.records import CertificateSeen, ProofFound, SigningAllowed, VoteCast
from consensus.votes import VOTE_CONTEXT, Vote, VotePhase
from genesis.limits import WAL_DEFERRED_RECORDS
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SigningKey, verify

KEY = SigningKey.from_seed(bytes(32))
TERM, BALLOT = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
BLOCK = Hash32(b"\x0b" * 32)
NOTAR = QuorumCertificate(TERM, 0, VotePhase.PREFER, 5, 4, BLOCK, b"\x01", (b"signature",))
CHECKPOINT = Checkpoint(1, ZERO_HASH, BLOCK, 4, False, ZERO_HASH, 0, 1, 0, 9)
SEEN = CheckpointSeen(BALLOT, CHECKPOINT)
CLOSED = TermClosed(TERM, 0, 1, 5, BLOCK)
HARD = CheckpointHard(BALLOT, 1)


def commit(view: int = 5, *, of: Hash32 = TERM) -> Vote:
    return Vote(of, VotePhase.COMMIT, view, 4, BLOCK)


def cast_of(vote: Vote) -> LaneEffect:
    return InInstance(vote.instance_id, CastVote(vote, 0))


class Desk:
    """Ballots on a real log."""

    def __init__(
        self,
        directory: Path,
        *,
        prune_bytes: int = 2**20,
        held: ProofFound | None = None,
        archive: CertificateArchive | None = None,
    ) -> None:
        self.wal = VoteWal.open(directory, KEY.public_key)
        context = SimpleNamespace(
            metrics=Metrics(network="test", version="0"), run_blocking=trio.to_thread.run_sync
        )
        signed = SignedLanes()
        for record in self.logged:
            signed = signed.after(record)
        self.ballots = LaneBallots(
            Signer(KEY, self.wal, archive),
            signed,
            cast("NodeContext", context),
            holds=lambda record: record == held,
            prune_bytes=prune_bytes,
        )

    @property
    def logged(self) -> list[LaneRecord]:
        return [decode_lane_record(raw) for raw in self.wal.records()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.wal.close()


async def test_what_a_vote_rests_on_is_on_disk_before_it(desk: Desk) -> None:
    await desk.ballots.log((InInstance(TERM, PersistCertificate(NOTAR)), Persist(SEEN)))
    assert desk.logged == []
    await desk.ballots.log((cast_of(commit()),))
    assert desk.logged == [CertificateSeen(NOTAR), SEEN, VoteCast(commit(), 0)]
    signed = await desk.ballots.sign_vote(commit(), 0, 3)
    assert verify(KEY.public_key, commit().signing_bytes, VOTE_CONTEXT, signed.signature)


async def test_nothing_is_shown_as_fast_before_its_certificate_is_on_disk(desk: Desk) -> None:
    await desk.ballots.log((InInstance(TERM, PersistCertificate(NOTAR)), ExtendFast(1, NOTAR, ())))
    assert desk.logged == [CertificateSeen(NOTAR)]


async def test_a_closed_term_is_never_signed_in_again_nor_closed_below_a_commit(
    desk: Desk,
) -> None:
    await desk.ballots.log((cast_of(commit()),))
    with pytest.raises(DoubleSign):
        await desk.ballots.log((CloseTerm(replace(CLOSED, tip_view=4), None),))
    await desk.ballots.log((CloseTerm(CLOSED, NOTAR),))
    await desk.ballots.log((CloseTerm(CLOSED, NOTAR), cast_of(commit())))  # said again
    assert desk.logged == [VoteCast(commit(), 0), CLOSED]
    with pytest.raises(DoubleSign):
        await desk.ballots.log((cast_of(commit(6)),))


async def test_the_same_after_a_crash(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    await first.ballots.log((cast_of(commit()), CloseTerm(CLOSED, NOTAR)))
    first.wal.close()
    second = Desk(tmp_path)
    with pytest.raises(DoubleSign):
        await second.ballots.log((cast_of(commit(6)),))
    second.wal.close()


async def test_the_log_never_forgets_what_waits(desk: Desk) -> None:
    views = range(1, 2 * WAL_DEFERRED_RECORDS)
    for view in views:
        seen = replace(NOTAR, view=view)
        await desk.ballots.log((InInstance(TERM, PersistCertificate(seen)),))
    await desk.ballots.log((cast_of(commit(200)),))
    assert len(desk.logged) == len(views) + 1


async def test_what_is_settled_leaves_the_log_but_its_floor_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path, prune_bytes=0)
    allowed = SigningAllowed(BALLOT, 0, 1)
    await desk.ballots.allow(allowed)
    await desk.ballots.log((cast_of(commit(of=BALLOT)), cast_of(commit())))
    await desk.ballots.settle(HARD, frozenset((TERM,)))
    assert desk.logged == [allowed, VoteCast(commit(), 0), HARD]
    desk.wal.close()


async def test_a_proof_stays_in_the_log_while_it_is_held(tmp_path: Path) -> None:
    held, over = ProofFound(b"open"), ProofFound(b"over")
    desk = Desk(tmp_path, prune_bytes=0, held=held)
    await desk.ballots.keep(held)
    await desk.ballots.keep(over)
    assert desk.logged == [held, over]
    await desk.ballots.settle(HARD, frozenset((TERM,)))
    assert desk.logged == [held, HARD]
    desk.wal.close()


async def test_what_ballots_voted_on_is_kept_for_a_fork_and_nothing_of_terms(
    tmp_path: Path,
) -> None:
    archive = CertificateArchive(tmp_path / "certificates")
    desk = Desk(tmp_path, prune_bytes=0, archive=archive)
    final = replace(NOTAR, phase=VotePhase.COMMIT)
    ballot = replace(final, instance_id=BALLOT, height=1, block_id=CHECKPOINT.id)
    null = replace(ballot, phase=VotePhase.CANCEL, height=0, block_id=ZERO_HASH)
    logged = [InInstance(each.instance_id, PersistCertificate(each)) for each in (NOTAR, final)]
    logged += [InInstance(BALLOT, PersistCertificate(each)) for each in (null, ballot)]
    await desk.ballots.log((*logged, Persist(SEEN), cast_of(commit())))
    await desk.ballots.settle(HARD, frozenset())
    assert list(map(decode_lane_record, archive.records())) == [
        CertificateSeen(null),
        CertificateSeen(ballot),
        SEEN,
    ]
    assert desk.logged == [HARD]
    desk.wal.close()
