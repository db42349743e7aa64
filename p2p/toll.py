"""What a connection costs this thread, and how long it waits for that: bytes cost their sender
little, and messages of a few bytes and questions cost us the most.

Whoever sends too many is read more slowly, and TCP holds it back; nobody is banned for it.
"""

from typing import Final

import trio

MESSAGE_US: Final = 20
"""To read and decrypt one Noise message; measured, as the next two are."""
FRAME_US: Final = 3
BYTES_PER_US: Final = 1_000
FRAMES_PER_TURN: Final = 250
_MESSAGES_PER_TURN: Final = 16

ANSWER_US: Final = 200
"""To decode a question, and to encode, encrypt and write an answer of a few bytes; measured, as
the next two are."""
ANSWER_BYTES_PER_US: Final = 180
HEADER_US: Final = 40
"""To read a header, or a block, from the disk: in another thread, with this one's interpreter."""
IDS_PER_US: Final = 2
"""To decode a list of transactions: 9 ms for the longest proposal, in which reading is one."""

_BURST_US: Final = 50_000
_OWN_PERCENT: Final = 10
"""70 MB/s in whole messages, or 4,000 a second of a few bytes."""
STRANGERS_SEND_PERCENT: Final = 20
STRANGERS_ASK_PERCENT: Final = 10
_US: Final = 1_000_000


class Budget:
    """A share of the thread's time; what was taken beyond it is waited for. Time is an argument."""

    __slots__ = ("_balance_us", "_percent", "_updated_s")

    def __init__(self, percent: int) -> None:
        self._percent = percent
        self._balance_us = float(_BURST_US)
        self._updated_s = float("-inf")

    def take(self, cost_us: int, now_s: float) -> float:
        """The seconds to wait before more is taken."""
        rate = self._percent * _US / 100
        earned = (now_s - self._updated_s) * rate
        self._balance_us = min(_BURST_US, self._balance_us + earned) - cost_us
        self._updated_s = now_s
        return max(0.0, -self._balance_us / rate)


class StrangersShare:
    """Of all connections of one node together, but for those of validators: a budget for what they
    send and one for what they ask. Two, because a validator is a stranger until its hello was
    read, which must not wait for answers that others are given."""

    __slots__ = ("answers", "messages")

    def __init__(self) -> None:
        self.messages = Budget(STRANGERS_SEND_PERCENT)
        self.answers = Budget(STRANGERS_ASK_PERCENT)


class Toll:
    """Of one connection. Until the peer has proved a validator's key it takes from the strangers'
    share, too: many of them together leave the validators most of the time."""

    def __init__(self) -> None:
        self._own = Budget(_OWN_PERCENT)
        self._messages = 0
        self.strangers: StrangersShare | None = None

    async def pay(self, size: int, frames: int) -> None:
        """For a part of a message; other tasks get their turn at least once in a few messages."""
        now_s = trio.current_time()
        cost_us = MESSAGE_US + frames * FRAME_US + size // BYTES_PER_US
        wait_s = self._own.take(cost_us, now_s)
        if self.strangers is not None:
            wait_s = max(wait_s, self.strangers.messages.take(cost_us, now_s))
        self._messages += 1
        if wait_s:
            await trio.sleep(wait_s)
        elif frames >= FRAMES_PER_TURN or self._messages % _MESSAGES_PER_TURN == 0:
            await trio.lowlevel.checkpoint()

    async def pay_for_list(self, ids: int) -> None:
        """Before the next message is read. A validator too, from what is its own."""
        if ids:
            await trio.sleep(self._own.take(ids // IDS_PER_US, trio.current_time()))

    async def pay_for_answer(self, size: int, headers: int) -> None:
        """Before the next question is read. Strangers alone, from what is theirs together: one of
        them has its quota, and validators need what they lack."""
        if self.strangers is None:
            return
        cost_us = ANSWER_US + size // ANSWER_BYTES_PER_US + headers * HEADER_US
        await trio.sleep(self.strangers.answers.take(cost_us, trio.current_time()))
