"""Who is asked when, in virtual time: s-seconds-peers answer after s seconds, others fail."""

import trio

from aichain.node.hedge import FirstAnswer, first_answer

PATIENCE_S = 4.0


class Peers:
    """A name is the seconds after which it answers; one with a minus fails then."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []
        self.cancelled: list[str] = []
        self._start = trio.current_time()

    async def ask(self, peer: str) -> str | None:
        self.asked.append((peer, trio.current_time() - self._start))
        try:
            await trio.sleep(abs(float(peer)))
        except trio.Cancelled:
            self.cancelled.append(peer)
            raise
        return None if peer.startswith("-") else f"of {peer}"


async def test_while_the_first_answers_nobody_else_is_asked(autojump_clock: object) -> None:
    peers = Peers()
    first = await first_answer(("3", "1"), peers.ask, PATIENCE_S)
    assert first == FirstAnswer("3", "of 3", ())
    assert peers.asked == [("3", 0.0)]


async def test_a_silent_peer_costs_our_patience_and_is_named(autojump_clock: object) -> None:
    peers = Peers()
    first = await first_answer(("20", "30", "1", "2"), peers.ask, PATIENCE_S)
    assert first == FirstAnswer("1", "of 1", ("20", "30"))
    assert peers.asked == [("20", 0.0), ("30", 4.0), ("1", 8.0)]
    assert sorted(peers.cancelled) == ["20", "30"]


async def test_whoever_is_slow_may_still_be_first(autojump_clock: object) -> None:
    peers = Peers()
    assert await first_answer(("5", "8"), peers.ask, PATIENCE_S) == FirstAnswer("5", "of 5", ("8",))
    assert peers.cancelled == ["8"]


async def test_after_a_failure_the_next_is_asked_at_once(autojump_clock: object) -> None:
    peers = Peers()
    assert await first_answer(("-1", "2"), peers.ask, PATIENCE_S) == FirstAnswer("2", "of 2", ())
    assert peers.asked == [("-1", 0.0), ("2", 1.0)]


async def test_the_last_is_waited_for_and_all_may_fail(autojump_clock: object) -> None:
    peers = Peers()
    assert await first_answer(("-1", "-20"), peers.ask, PATIENCE_S) is None
    assert trio.current_time() == 21.0
    assert await first_answer((), peers.ask, PATIENCE_S) is None
