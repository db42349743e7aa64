"""What waits for one reader is bounded, and counted with what waits for all others."""

import pytest
import trio
import trio.testing

from aichain.rpc.limits import RpcLimits
from aichain.rpc.outbox import Outbox
from aichain.rpc.unsent import UnsentAnswers

LIMITS = RpcLimits(outbox_messages=2)


def outbox() -> tuple[Outbox[object], UnsentAnswers]:
    unsent = UnsentAnswers(LIMITS)
    return Outbox(LIMITS, unsent), unsent


async def test_what_has_no_place_is_not_taken() -> None:
    box, unsent = outbox()
    assert [box.offer(b"abc") for _ in range(3)] == [True, True, False]
    assert (box.waiting_bytes, unsent.size_bytes, box.is_empty) == (6, 6, False)
    message = await box.take()
    assert unsent.size_bytes == 6  # it waits until it was sent
    box.sent(message)
    assert (box.waiting_bytes, unsent.size_bytes) == (3, 3)


async def test_who_must_be_heard_waits_for_a_place() -> None:
    box, _ = outbox()
    assert box.offer(b"1")
    assert box.offer(b"2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.put, b"3")
        await trio.testing.wait_all_tasks_blocked()
        assert [await box.take() for _ in range(3)] == [b"1", b"2", b"3"]


async def test_the_last_message_is_followed_by_the_end() -> None:
    box, _ = outbox()
    box.offer(b"1")
    box.end()
    assert not box.offer(b"2")
    assert await box.take() == b"1"
    with pytest.raises(trio.EndOfChannel):
        await box.take()


async def test_without_a_writer_nothing_is_kept_and_nobody_waits() -> None:
    box, unsent = outbox()
    box.abandon()
    assert not box.offer(b"1")
    with trio.fail_after(5):
        await box.put(b"2")
    assert unsent.size_bytes == 0


async def test_a_reader_that_takes_lets_its_callers_go_on() -> None:
    box, _ = outbox()
    box.offer(b"x" * 10)
    reached: list[bool] = []

    async def wait() -> None:
        await box.wait_below(5)
        reached.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not reached
        box.sent(await box.take())
    assert reached


async def test_what_was_not_sent_at_the_end_waits_no_more() -> None:
    box, unsent = outbox()
    with box.open():
        box.offer(b"abc")
        box.offer(b"def")
        await box.take()
    assert (unsent.size_bytes, box.waiting_bytes) == (0, 0)
