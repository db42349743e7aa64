"""What arrives late arrives whole and in order, whatever the delay does meanwhile."""

import pytest
import trio
from trio.testing import MockClock

from p2p.delay_line import DelayLine


class Taken:
    """Notes when what was handed on; its clock starts at zero."""

    def __init__(self) -> None:
        self.began = trio.current_time()
        self.at_ms: list[tuple[bytes, int]] = []

    async def __call__(self, data: bytes) -> None:
        self.at_ms.append((data, self.now_ms))

    @property
    def now_ms(self) -> int:
        return round(1000 * (trio.current_time() - self.began))


async def test_everything_takes_so_much_longer(autojump_clock: MockClock) -> None:
    taken = Taken()
    line = DelayLine(taken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        for data in (b"a", b"b", b"c"):
            await line.put(data, 0.1)
            await trio.sleep(0.03)
        assert len(line) == 3
        await line.drained()
        assert taken.at_ms == [(b"a", 100), (b"b", 130), (b"c", 160)]
        nursery.cancel_scope.cancel()


async def test_nothing_overtakes_when_the_delay_ends(autojump_clock: MockClock) -> None:
    taken = Taken()
    line = DelayLine(taken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await line.put(b"slow", 0.2)
        await line.put(b"fast", 0.0)
        await line.drained()
        assert taken.at_ms == [(b"slow", 200), (b"fast", 200)]
        await line.put(b"later", 0.05)
        await line.drained()
        assert taken.at_ms[-1] == (b"later", 250)
        nursery.cancel_scope.cancel()


async def test_a_full_line_makes_the_reader_wait(autojump_clock: MockClock) -> None:
    taken = Taken()
    line = DelayLine(taken, limit=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await line.put(bytes(11), 0.1)
        await line.put(b"x", 0.1)
        assert taken.now_ms == 100, "it waited until there was room"
        await line.drained()
        assert [at for _, at in taken.at_ms] == [100, 100], "its own way began before"
        nursery.cancel_scope.cancel()


async def test_a_cleared_line_is_drained(autojump_clock: MockClock) -> None:
    line = DelayLine(lambda _: pytest.fail("it was forgotten"))
    await line.put(b"x", 0.1)
    line.clear()
    await line.drained()
    assert len(line) == 0
