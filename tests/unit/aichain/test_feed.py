"""The feed never waits for a reader and never hides that it dropped one."""

import pytest
import trio
import trio.testing

from aichain.errors import ReaderLagged, TooManyReaders
from aichain.feed import Feed, Subscription


async def drain(items: Subscription[int], got: list[int]) -> None:
    async for item in items:
        got.append(item)  # noqa: PERF401 - what came before an error counts


async def test_every_reader_gets_every_item_in_order() -> None:
    feed = Feed[int](capacity=8, max_readers=4)
    with feed.subscribe() as first, feed.subscribe() as second:
        for number in range(5):
            feed.publish(number)
        feed.close()
        assert [item async for item in first] == [0, 1, 2, 3, 4]
        assert [item async for item in second] == [0, 1, 2, 3, 4]


async def test_a_reader_that_waits_is_woken() -> None:
    feed = Feed[int](capacity=1, max_readers=1)
    got: list[int] = []

    async def read() -> None:
        with feed.subscribe() as items:
            await drain(items, got)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            feed.publish(number)
            await trio.testing.wait_all_tasks_blocked()
        feed.close()
    assert got == [0, 1, 2]


async def test_a_slow_reader_is_told_after_what_was_queued_and_the_others_go_on() -> None:
    feed = Feed[int](capacity=2, max_readers=4)
    with feed.subscribe() as slow, feed.subscribe() as quick:
        for number in range(5):
            feed.publish(number)
            if number < 4:
                assert await anext(quick) == number
        assert feed.lagged_readers == 1
        assert feed.readers == 1
        got: list[int] = []
        with pytest.raises(ReaderLagged):
            await drain(slow, got)
        assert got == [0, 1]
        assert await anext(quick) == 4


async def test_a_reader_that_left_makes_room_and_is_not_counted_as_slow() -> None:
    feed = Feed[int](capacity=1, max_readers=1)
    with feed.subscribe(), pytest.raises(TooManyReaders):
        feed.subscribe()
    with feed.subscribe() as again:
        feed.publish(1)
        assert await anext(again) == 1
    feed.publish(2)
    assert feed.lagged_readers == 0
    assert feed.readers == 0


async def test_a_closed_feed_ends_new_readers_at_once() -> None:
    feed = Feed[int](capacity=1, max_readers=1)
    feed.close()
    with feed.subscribe() as items:
        assert [item async for item in items] == []
