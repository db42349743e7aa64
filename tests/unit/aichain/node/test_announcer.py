"""When a pending transaction is told again."""

import pytest

from aichain.node.announcer import ASKED_EVERY_MS, FIRST_REPEAT_MS, LAST_REPEAT_MS, Repeats
from genesis import limits
from native.hashing import Hash32

ONE, TWO = Hash32(b"1" * 32), Hash32(b"2" * 32)


def told_times(repeats: Repeats, until_ms: int) -> list[int]:
    """When ONE is told, looked at every half second."""
    return [at for at in range(0, until_ms, 500) if ONE in repeats.due(at, lambda _id: True)]


def test_each_wait_is_twice_the_last_up_to_a_limit() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    times = told_times(repeats, 4 * LAST_REPEAT_MS)
    waits = [later - earlier for earlier, later in zip([0, *times], times, strict=False)]
    assert waits[:4] == [FIRST_REPEAT_MS << n for n in range(4)]
    assert waits[-1] == LAST_REPEAT_MS


def test_what_is_not_pending_any_more_is_forgotten() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    repeats.add(TWO, 0)
    assert repeats.due(FIRST_REPEAT_MS, lambda tx_id: tx_id == TWO) == [TWO]
    assert len(repeats) == 1
    assert repeats.due(100 * LAST_REPEAT_MS, lambda _id: False) == []
    assert len(repeats) == 0


def test_a_caller_may_ask_now_and_then_and_the_wait_begins_anew() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    assert not repeats.may_ask(ONE, ASKED_EVERY_MS - 1)
    assert repeats.may_ask(ONE, ASKED_EVERY_MS)
    assert not repeats.may_ask(ONE, ASKED_EVERY_MS + 1)
    times = told_times(repeats, 20_000)
    assert times == [3_000, 7_000, 15_000], "two seconds after it was asked for, then four, eight"


def test_one_that_comes_back_is_told_as_if_it_were_new() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    told_times(repeats, 20_000)
    repeats.add(ONE, 20_000)
    assert repeats.due(20_000 + FIRST_REPEAT_MS, lambda _id: True) == [ONE]
    assert repeats.due(20_000 + FIRST_REPEAT_MS, lambda _id: True) == []


def test_one_look_tells_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPEATED_TRANSACTIONS_MAX", 3)
    repeats = Repeats()
    for number in range(5):
        repeats.add(Hash32(bytes([number]) * 32), 0)
    assert [len(repeats.due(FIRST_REPEAT_MS, lambda _id: True)) for _ in range(3)] == [3, 2, 0]
