"""Large answers go to those who read them."""

from typing import Any, cast

import pytest
import trio
from libp2p.stream_muxer.exceptions import MuxedStreamReset
from trio.testing import MockClock

from genesis.limits import ANSWERS_AT_ONCE_MAX, ANSWERS_WAITING_MAX
from p2p.libp2p_bulk import GRACE_S, BulkAnswers

LARGE = bytes(2_000_000)


class Reader:
    """Takes so many bytes a second."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.read = 0
        self.was_reset = False

    async def write(self, data: bytes) -> None:
        await trio.sleep(len(data) / self.per_second)
        self.read += len(data)


async def give(answers: BulkAnswers, reader: Reader, turn: trio.Lock | None = None) -> None:
    try:
        await answers.write(turn or trio.Lock(), cast("Any", reader), LARGE)
    except MuxedStreamReset:
        reader.was_reset = True


async def test_who_reads_slowest_gives_way(autojump_clock: MockClock) -> None:
    """Sixteen that read a byte a second held all places for a minute."""
    answers, slow = BulkAnswers(), [Reader(1) for _ in range(ANSWERS_AT_ONCE_MAX - 1)]
    steady, newcomer = Reader(100_000), Reader(10_000_000)
    async with trio.open_nursery() as nursery:
        for reader in (*slow, steady):
            nursery.start_soon(give, answers, reader)
        await trio.sleep(2)
        began = trio.current_time()
        await give(answers, newcomer)
        assert trio.current_time() - began < 1
        assert sum(reader.was_reset for reader in slow) == 1
        await trio.sleep(30)
        assert steady.read == len(LARGE)
        nursery.cancel_scope.cancel()


async def test_nobody_gives_way_before_it_could_begin(autojump_clock: MockClock) -> None:
    answers, readers = BulkAnswers(), [Reader(1) for _ in range(ANSWERS_AT_ONCE_MAX)]
    newcomer = Reader(1e9)
    async with trio.open_nursery() as nursery:
        for reader in readers:
            nursery.start_soon(give, answers, reader)
        await trio.sleep(GRACE_S / 2)
        nursery.start_soon(give, answers, newcomer)
        await trio.sleep(GRACE_S / 4)
        assert newcomer.read == 0
        await trio.sleep(GRACE_S)
        assert newcomer.read == len(LARGE)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("peers", [1, 40])
async def test_so_many_wait_and_no_more(autojump_clock: MockClock, peers: int) -> None:
    """Each of them lies in our memory, also of a peer that waits for itself."""
    answers, turns = BulkAnswers(), [trio.Lock() for _ in range(peers)]
    refused = 0
    async with trio.open_nursery() as nursery:
        for number in range(4 * max(peers, 20)):
            if answers.is_full:
                refused += 1
            else:
                nursery.start_soon(give, answers, Reader(1), turns[number % peers])
                await trio.testing.wait_all_tasks_blocked(0.0)
        assert answers.is_full
        assert refused >= 4 * max(peers, 20) - ANSWERS_AT_ONCE_MAX - ANSWERS_WAITING_MAX
        nursery.cancel_scope.cancel()
    assert not answers.is_full
