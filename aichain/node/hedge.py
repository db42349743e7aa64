"""One question to several peers: the next is asked, too, when those asked fail or are silent."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class FirstAnswer(Generic[Answer]):
    """Who was first, with what, and who was asked before and gave nothing yet."""

    peer: str
    answer: Answer
    late: tuple[str, ...]


async def first_answer(
    peers: Sequence[str],
    ask: Callable[[str], Awaitable[Answer | None]],
    patience_s: float,
) -> FirstAnswer[Answer] | None:
    """The first answer that is one; None when no peer has any. Whoever is late is cancelled.

    `ask` gives None where a peer fails, and deals with what it did. A silent peer costs
    `patience_s`, not the time limit of its question.
    """
    send, receive = trio.open_memory_channel[tuple[str, Answer | None]](0)
    waiting: list[str] = []

    async def question(peer: str) -> None:
        await send.send((peer, await ask(peer)))

    async with trio.open_nursery() as nursery:
        for peer in peers:
            waiting.append(peer)
            nursery.start_soon(question, peer)
            with trio.move_on_after(patience_s if peer is not peers[-1] else float("inf")):
                while waiting:
                    who, answer = await receive.receive()
                    waiting.remove(who)
                    if answer is not None:
                        nursery.cancel_scope.cancel()
                        return FirstAnswer(who, answer, tuple(waiting))
    return None
