"""R8 in the shell: logged before it is signed, and never against an earlier signature."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import trio

from aichain.metrics import Metrics
from aichain.node.ballots import Ballots, Signer
from aichain.node.context import NodeContext
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.wal import VoteWal
from consensus.certificates import QuorumCertificate
from consensus.core.effects import CastVote, Finalize, PersistCertificate
from consensus.core.events import Event, VoteAccepted
from consensus.errors import DoubleSign
from consensus.guard import SignedSlots
from consensus.instance import BlockRef
from consensus.records import CertificateSeen, ProofFound, VoteCast, decode_record
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SigningKey, verify
from p2p.network import Audience
from tests.simulation.nodes.power import Power, supplied_by

KEY = SigningKey.from_seed(bytes(32))
INSTANCE = Hash32(b"\x01" * 32)


class RecordingNetwork:
    """Notes what is sent, and what the log held at that moment."""

    def __init__(self, wal: VoteWal) -> None:
        self._wal = wal
        self.sent: list[tuple[object, int]] = []

    def push(self, message: object, _to: Audience) -> int:
        self.sent.append((message, len(self._wal.records())))
        return 1


class Desk:
    """Ballots on a real log, with a network that only takes notes."""

    def __init__(
        self,
        directory: Path,
        slots: SignedSlots | None = None,
        *,
        prune_bytes: int = 10**6,
        archive: CertificateArchive | None = None,
        held: ProofFound | None = None,
    ) -> None:
        self.wal = VoteWal.open(directory, KEY.public_key)
        self.network = RecordingNetwork(self.wal)
        self.events: list[Event] = []
        context = SimpleNamespace(
            network=self.network,
            clock=SimpleNamespace(now_ms=lambda: 7),
            metrics=Metrics(network="test", version="0"),
            run_blocking=trio.to_thread.run_sync,
        )
        self.ballots = Ballots(
            Signer(KEY, self.wal, archive),
            slots or SignedSlots(),
            cast("NodeContext", context),
            self.events.append,
            holds=lambda record: record == held,
            prune_bytes=prune_bytes,
        )

    async def cast(self, vote: Vote) -> None:
        """What the engine does with one CastVote."""
        effect = CastVote(vote, 0)
        await self.ballots.log((effect,))
        await self.ballots.cast_vote(effect, 2)


def prefer(block: bytes, view: int = 5) -> Vote:
    return Vote(INSTANCE, VotePhase.PREFER, view, 4, Hash32(block * 32))


async def test_a_vote_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.cast(prefer(b"\x0a"))
    ((message, logged),) = desk.network.sent
    assert logged == 1
    assert decode_record(desk.wal.records()[0]) == VoteCast(prefer(b"\x0a"), 0)
    assert isinstance(message, SignedVote)
    assert verify(KEY.public_key, message.vote.signing_bytes, VOTE_CONTEXT, message.signature)
    assert desk.events == [VoteAccepted(message, 7)]
    desk.wal.close()


async def test_the_same_vote_again_is_sent_but_not_logged_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.cast(prefer(b"\x0a"))
    await desk.cast(prefer(b"\x0a"))
    assert len(desk.network.sent) == 2
    assert len(desk.wal.records()) == 1
    desk.wal.close()


async def test_a_second_block_in_one_view_stops_the_node_before_anything_is_written(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    await desk.cast(prefer(b"\x0a"))
    with pytest.raises(DoubleSign):
        await desk.cast(prefer(b"\x0b"))
    assert len(desk.network.sent) == 1
    assert len(desk.wal.records()) == 1
    desk.wal.close()


async def test_the_guard_remembers_what_the_log_says_after_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.cast(prefer(b"\x0a"))
    records = [decode_record(raw) for raw in desk.wal.records()]
    desk.wal.close()
    slots = SignedSlots()
    for record in records:
        slots = slots.after(record)
    again = Desk(tmp_path, slots)
    with pytest.raises(DoubleSign):
        await again.cast(prefer(b"\x0b"))
    await again.cast(prefer(b"\x0a"))
    assert len(again.network.sent) == 1
    again.wal.close()


async def test_votes_of_one_step_share_one_write(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    effects = tuple(CastVote(prefer(b"\x0a", view), 0) for view in (5, 6, 7))
    with trio.fail_after(5):
        await desk.ballots.log(effects)
    assert len(desk.wal.records()) == 3
    desk.wal.close()


async def test_certificates_are_logged_before_the_votes_that_rest_on_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    notar = QuorumCertificate(
        INSTANCE, 0, VotePhase.PREFER, 4, 4, Hash32(b"\x0a" * 32), b"\x07", (b"s",) * 3
    )
    await desk.ballots.log((PersistCertificate(notar),))
    assert desk.wal.records() == ()
    later = replace(notar, view=5)
    await desk.ballots.log((PersistCertificate(later), CastVote(prefer(b"\x0b", 6), 0)))
    assert [decode_record(raw) for raw in desk.wal.records()] == [
        CertificateSeen(notar),
        CertificateSeen(later),
        VoteCast(prefer(b"\x0b", 6), 0),
    ]
    desk.wal.close()


async def test_a_rewritten_log_still_closes_the_views_it_says_nothing_more_of(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, prune_bytes=0)
    await desk.cast(prefer(b"\x0a", 5))
    block = BlockRef(Hash32(b"\x0a" * 32), 4, 5, 0, ZERO_HASH, 0, 0, 0)
    final = QuorumCertificate(
        INSTANCE, 0, VotePhase.COMMIT, 5, block.height, block.id, b"\x07", (b"s",) * 3
    )
    await desk.ballots.settle(Finalize(final, (block,)), INSTANCE)
    slots = SignedSlots()
    for raw in desk.wal.records():
        slots = slots.after(decode_record(raw))
    desk.wal.close()
    assert not slots.slots
    again = Desk(tmp_path, slots)
    with pytest.raises(DoubleSign):
        await again.cast(prefer(b"\x0b", 5))
    await again.cast(prefer(b"\x0b", 6))
    again.wal.close()


NOTAR = QuorumCertificate(INSTANCE, 0, VotePhase.PREFER, 5, 4, Hash32(b"\x0a" * 32), b"", ())


async def settle(desk: Desk, *seen: QuorumCertificate) -> None:
    """Make a block final in view 7; these certificates are in the log then."""
    for each in seen:
        await desk.ballots.log((PersistCertificate(each),))
    await desk.cast(prefer(b"\x0a"))
    block = BlockRef(Hash32(b"\x0a" * 32), 4, 7, 0, ZERO_HASH, 0, 0, 0)
    final = replace(NOTAR, phase=VotePhase.COMMIT, view=7)
    await desk.ballots.settle(Finalize(final, (block,)), INSTANCE)


async def test_a_disk_without_room_for_certificates_does_not_stop_the_votes(tmp_path: Path) -> None:
    power, directory = Power(0), tmp_path / "certificates"
    archive = CertificateArchive(directory)
    desk = Desk(tmp_path, prune_bytes=1, archive=archive)
    power.fill_disk(directory)
    with supplied_by(power):
        await settle(desk, NOTAR)
        assert CertificateSeen(NOTAR) not in map(decode_record, desk.wal.records())
        await desk.cast(prefer(b"\x0b", 8))
    assert archive.trouble
    assert any(
        isinstance(sent, SignedVote) and sent.vote.view == 8 for sent, _ in desk.network.sent
    )
    desk.wal.close()


async def test_certificates_that_leave_the_log_are_kept_for_a_fork(tmp_path: Path) -> None:
    """NOTARs and NULLs: FINALs are in the database, and our own votes convict nobody."""
    archive = CertificateArchive(tmp_path / "certificates")
    desk = Desk(tmp_path, prune_bytes=1, archive=archive)
    null = replace(NOTAR, phase=VotePhase.CANCEL, view=6, height=0, block_id=ZERO_HASH)
    later = replace(null, view=9)
    await settle(desk, NOTAR, replace(NOTAR, phase=VotePhase.COMMIT), null, later)
    assert [decode_record(raw) for raw in archive.records()] == [
        CertificateSeen(NOTAR),
        CertificateSeen(null),
    ]
    assert CertificateSeen(later) in map(decode_record, desk.wal.records())


async def test_a_proof_stays_in_the_log_while_it_is_held(tmp_path: Path) -> None:
    open_, over = ProofFound(b"open"), ProofFound(b"over")
    desk = Desk(tmp_path, prune_bytes=0, held=open_)
    await desk.ballots.keep(open_)
    await desk.ballots.keep(over)
    assert [decode_record(raw) for raw in desk.wal.records()] == [open_, over]
    block = BlockRef(Hash32(b"\x0a" * 32), 4, 5, 0, ZERO_HASH, 0, 0, 0)
    final = QuorumCertificate(INSTANCE, 0, VotePhase.COMMIT, 5, block.height, block.id, b"", ())
    await desk.ballots.settle(Finalize(final, (block,)), INSTANCE)
    records = [decode_record(raw) for raw in desk.wal.records()]
    assert open_ in records
    assert over not in records
    desk.wal.close()
