"""Queues between peers and node are bounded, drop the right things, and never block a writer."""

import pytest
import trio
from trio.testing import MockClock

from consensus.votes import VotePhase
from native.hashing import ZERO_HASH, Hash32
from p2p.errors import PeerMisbehaved
from p2p.gossip import GossipJudge, SeenIds, gossip_id
from p2p.libp2p_select import answer, propose
from p2p.mailbox import Mailbox
from p2p.network import GossipVerdict
from p2p.outbox import Outbox
from p2p.wire.encoding import encode_message
from p2p.wire.messages import Gossiped, Status, TransactionsAnnounced
from tests.integration.libp2p_nodes import make_certificate, make_final

STATUS = Status(1, ZERO_HASH, 0, 1)


async def test_an_outbox_joins_small_frames_and_keeps_their_order() -> None:
    outbox = Outbox(max_frames=100, max_bytes=10**6)
    for number in range(10):
        outbox.put(bytes([number]))
    assert await outbox.take() == bytes(range(10))
    for size in (40_000, 40_000, 10):
        outbox.put(bytes(size))
    assert [len(await outbox.take()) for _ in range(2)] == [40_000, 40_010]


async def test_a_full_outbox_drops_the_oldest_and_counts_it() -> None:
    outbox = Outbox(max_frames=3, max_bytes=100)
    for number in range(5):
        outbox.put(bytes([number]))
    assert outbox.dropped == 2
    outbox.put(b"x" * 99)
    assert await outbox.take() == b"\x04" + b"x" * 99
    assert len(outbox) == 0


async def test_a_reader_of_an_empty_outbox_waits(autojump_clock: MockClock) -> None:
    outbox = Outbox(3, 100)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            assert await outbox.take() == b"late"

        nursery.start_soon(read)
        await trio.sleep(1)
        outbox.put(b"late")
    outbox.put(b"more")
    assert outbox.drain() == (b"more",)
    assert len(outbox) == 0


def test_a_full_mailbox_drops_announcements_and_strangers_before_votes() -> None:
    mailbox, vote = Mailbox(limit=10, limit_bytes=1_000), make_certificate()
    ids = TransactionsAnnounced((ZERO_HASH,))
    assert all(mailbox.deliver("a", STATUS, 1, from_validator=True) for _ in range(5))
    assert not mailbox.deliver("a", STATUS, 1, from_validator=True)
    assert not mailbox.deliver("a", ids, 1, from_validator=True)
    assert not mailbox.deliver("stranger", vote, 1, from_validator=False)
    assert all(mailbox.deliver("a", vote, 1, from_validator=True) for _ in range(5))
    assert not mailbox.deliver("a", vote, 1, from_validator=True)
    assert (mailbox.delivered, mailbox.dropped) == (10, 4)
    mailbox.receive.close()
    assert not mailbox.deliver("a", vote, 1, from_validator=True)


def test_a_mailbox_holds_a_bounded_number_of_bytes() -> None:
    """4,096 messages of a megabyte each, which anybody may push, were four gigabytes."""
    mailbox, vote = Mailbox(limit=10, limit_bytes=1_000), make_certificate()
    assert mailbox.deliver("stranger", vote, 500, from_validator=False)
    assert not mailbox.deliver("stranger", vote, 1, from_validator=False)
    assert mailbox.deliver("a", vote, 500, from_validator=True)
    assert not mailbox.deliver("a", vote, 1, from_validator=True)
    assert [mailbox.receive.receive_nowait().peer for _ in range(2)] == ["stranger", "a"]
    assert mailbox.deliver("stranger", vote, 500, from_validator=False), "what was read is gone"
    assert not mailbox.deliver("a", vote, 501, from_validator=True)


async def test_copies_that_arrive_during_a_check_are_not_checked_again() -> None:
    judge, checks = GossipJudge(), 0

    async def check(peer: str, message: Gossiped) -> GossipVerdict:
        nonlocal checks
        checks += 1
        await trio.sleep(0.01)
        return GossipVerdict.ACCEPT

    judge.check = check
    payload = encode_message(make_final())
    results: list[tuple[GossipVerdict, Gossiped | None]] = []

    async def hear(peer: str) -> None:
        results.append(await judge.judge(peer, payload))

    async with trio.open_nursery() as nursery:
        for peer in ("a", "b", "c"):
            nursery.start_soon(hear, peer)
    assert checks == 1
    assert sorted(verdict.name for verdict, _ in results) == ["ACCEPT", "IGNORE", "IGNORE"]
    assert [message for _, message in results if message] == [make_final()]
    assert (await judge.judge("d", payload))[0] is GossipVerdict.IGNORE
    assert checks == 1


async def test_verdicts_decide_about_delivery_and_garbage_is_rejected() -> None:
    judge = GossipJudge()
    assert await judge.judge("a", b"garbage") == (GossipVerdict.REJECT, None)
    assert await judge.judge("a", b"garbage") == (GossipVerdict.IGNORE, None)
    verdict, message = await judge.judge("a", encode_message(make_final(1)))
    assert (verdict, message) == (GossipVerdict.IGNORE, make_final(1))  # no check: not relayed

    async def reject(peer: str, message: Gossiped) -> GossipVerdict:
        return GossipVerdict.REJECT

    judge.check = reject
    assert await judge.judge("a", encode_message(make_final(2))) == (GossipVerdict.REJECT, None)


async def test_a_check_that_fails_is_asked_again_by_the_next_copy() -> None:
    judge = GossipJudge()

    async def broken(peer: str, message: Gossiped) -> GossipVerdict:
        raise ZeroDivisionError

    judge.check = broken
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await judge.judge("a", encode_message(make_final()))


def test_gossip_ids_are_of_the_content_and_the_oldest_are_forgotten() -> None:
    assert gossip_id(b"a") != gossip_id(b"b")
    assert len(gossip_id(b"a")) == 20
    seen = SeenIds(limit=2)
    for message_id in (b"1", b"2", b"1", b"3"):
        seen.add(message_id)
    assert [seen.has(message_id) for message_id in (b"1", b"2", b"3")] == [True, False, True]
    assert len(seen) == 2


class Pipe:
    """One end of a byte stream that gives what was scripted, in pieces of three bytes."""

    def __init__(self, script: bytes) -> None:
        self.script, self.written = script, b""

    async def read(self, n: int | None = -1) -> bytes:
        await trio.lowlevel.checkpoint()
        size = 3 if n is None or n < 0 else min(n, 3)
        piece, self.script = self.script[:size], self.script[size:]
        if not piece:
            raise EOFError
        return piece

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.written += data


HEAD = b"\x13/multistream/1.0.0\n"


async def test_a_protocol_is_agreed_on_in_one_round_trip() -> None:
    ours = Pipe(HEAD + b"\x03/a\n")
    assert await propose(ours, "/a")
    assert ours.written == HEAD + b"\x03/a\n"
    assert not await propose(Pipe(HEAD + b"\x03na\n"), "/a")
    theirs = Pipe(HEAD + b"\x03ls\n" + b"\x03/a\n")
    assert await answer(theirs, ["/a", "/b"]) == "/a"
    assert theirs.written == HEAD + b"\x03na\n" + b"\x03/a\n"


@pytest.mark.parametrize(
    "script",
    [
        b"\x13/multistream/2.0.0\n",
        b"\xff\xff\x01" + b"x" * 100,
        b"\x00",
        HEAD + b"\x03/a ",
        HEAD + b"\x04/\xff\xfe\n",
        HEAD + b"\x03/c\n" * 20,
    ],
)
async def test_negotiations_that_lead_nowhere_are_misbehaviour(script: bytes) -> None:
    with pytest.raises(PeerMisbehaved):
        await answer(Pipe(script), ["/a", "/b"])


def test_the_certificate_of_these_tests_is_a_final() -> None:
    assert make_certificate().phase is VotePhase.COMMIT
    assert make_final().certificate.block_id == Hash32(b"B" * 32)
