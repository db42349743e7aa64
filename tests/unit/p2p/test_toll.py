"""What a connection sends costs this thread a share of its time and no more."""

from collections import deque
from typing import Any, cast

import pytest
import trio
from libp2p.peer.id import ID
from trio.testing import MockClock

from p2p.libp2p_guard_yamux import GuardedYamux
from p2p.toll import (
    ANSWER_US,
    FRAME_US,
    HEADER_US,
    IDS_PER_US,
    MESSAGE_US,
    STRANGERS_ASK_PERCENT,
    STRANGERS_SEND_PERCENT,
    Budget,
    StrangersShare,
    Toll,
)
from p2p.yamux_frames import Flag, FrameType, pack_frame

USELESS = pack_frame(FrameType.WINDOW_UPDATE, Flag.NONE, 9_999, 1)
FRAMES = 5_000


class Wire:
    """A connection on which some messages have come, and then nothing."""

    is_initiator = False

    def __init__(self, messages: list[bytes]) -> None:
        self.left = deque(messages)

    async def read(self, _size: int | None) -> bytes:
        if not self.left:
            await trio.sleep_forever()
        return self.left.popleft()

    async def write(self, _data: bytes) -> None: ...

    async def close(self) -> None: ...


def connection(messages: list[bytes]) -> tuple[GuardedYamux, Wire]:
    wire = Wire(messages)
    return GuardedYamux(cast("Any", wire), ID(b"peer")), wire


def test_what_is_taken_beyond_the_share_is_waited_for() -> None:
    budget = Budget(percent=10)
    assert budget.take(50_000, 7.0) == 0  # what may come at once
    assert budget.take(10_000, 7.0) == pytest.approx(0.1)
    assert budget.take(0, 7.05) == pytest.approx(0.05)
    assert budget.take(0, 7.1) == pytest.approx(0)
    assert budget.take(50_001, 1e6) > 0  # an idle hour is worth no more than a start


async def test_one_message_of_many_frames_is_read_in_turns(autojump_clock: MockClock) -> None:
    """65 KB of useless frames held up all other tasks for 17 ms, nine of them for 170."""
    yamux, wire = connection([USELESS * FRAMES])
    turns = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(yamux.handle_incoming)
        while yamux._frames < FRAMES:
            turns += 1
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert not wire.left
    assert turns >= 15


@pytest.mark.parametrize("payload", [USELESS, USELESS * 240], ids=["small", "full"])
async def test_strangers_have_one_share_however_many_they_are(
    autojump_clock: MockClock, payload: bytes
) -> None:
    frames, peers = len(payload) // len(USELESS), 20
    messages = 5_000 // frames
    share, began = StrangersShare(), trio.current_time()
    pairs = [connection([payload] * messages) for _ in range(peers)]
    async with trio.open_nursery() as nursery:
        for yamux, _ in pairs:
            yamux.toll.strangers = share
            nursery.start_soon(yamux.handle_incoming)
        while any(wire.left for _, wire in pairs):  # noqa: ASYNC110
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    cost_s = peers * messages * (MESSAGE_US + frames * FRAME_US) / 1e6
    assert trio.current_time() - began >= 100 * cost_s / STRANGERS_SEND_PERCENT - 0.5


async def test_a_validator_does_not_wait_for_strangers(autojump_clock: MockClock) -> None:
    share, began = StrangersShare(), trio.current_time()
    share.messages.take(60_000_000, began)
    await Toll().pay(1_000, 1)
    assert trio.current_time() == began
    stranger = Toll()
    stranger.strangers = share
    await stranger.pay(1_000, 1)
    assert trio.current_time() > began + 100


async def test_answers_to_strangers_are_paid_from_their_share(autojump_clock: MockClock) -> None:
    """Sixty of them, each within its quota, had two thirds of the thread's time for ranges of
    headers, and nobody was ever over any limit."""
    share, peers, answers, headers = StrangersShare(), 20, 15, 256
    tolls = [Toll() for _ in range(peers)]

    async def ask(toll: Toll) -> None:
        for _ in range(answers):
            await toll.pay_for_answer(0, headers)

    async with trio.open_nursery() as nursery:
        for toll in tolls:
            toll.strangers = share
            nursery.start_soon(ask, toll)
    cost_s = peers * answers * (ANSWER_US + headers * HEADER_US) / 1e6
    assert trio.current_time() >= 100 * cost_s / STRANGERS_ASK_PERCENT - 0.5
    began = trio.current_time()
    await Toll().pay_for_answer(8_000_000, headers)
    assert trio.current_time() == began, "validators do not wait"


async def test_long_lists_are_paid_by_who_sends_them(autojump_clock: MockClock) -> None:
    """A validator's too: it had two thirds of the thread's time for proposals of other views."""
    toll, began, lists, ids = Toll(), trio.current_time(), 20, 2**14
    for _ in range(lists):
        await toll.pay_for_list(ids)
    assert trio.current_time() - began >= 10 * lists * (ids / IDS_PER_US) / 1e6 - 0.6
    began = trio.current_time()
    await toll.pay_for_list(0)
    assert trio.current_time() == began, "votes list nothing"


async def test_who_has_not_said_hello_yet_does_not_wait_for_answers_to_others(
    autojump_clock: MockClock,
) -> None:
    """Validators are strangers until then: a hello of theirs would have come seconds too late."""
    share = StrangersShare()

    async def ask() -> None:
        toll = Toll()
        toll.strangers = share
        await toll.pay_for_answer(0, 4_352)

    async with trio.open_nursery() as nursery:
        for _ in range(240):
            nursery.start_soon(ask)
        await trio.sleep(0.1)
        began, comes = trio.current_time(), Toll()
        comes.strangers = share
        for _ in range(20):
            await comes.pay(300, 2)
        assert trio.current_time() - began < 0.1
        nursery.cancel_scope.cancel()
