"""Large answers to peers: few at a time, and whoever reads slowest gives its place to the next."""

from dataclasses import dataclass
from typing import Final

import trio
from libp2p.stream_muxer.exceptions import MuxedStreamReset

from genesis.limits import ANSWERS_AT_ONCE_MAX, ANSWERS_WAITING_MAX
from p2p.libp2p_guard_yamux import GuardedStream

GRACE_S: Final = 1.0
"""So long a reader may take to begin before it is compared with the others."""
_LOOK_S: Final = 0.1
_PART_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class _Place:
    """An answer that is being written."""

    scope: trio.CancelScope
    began_s: float
    written: int = 0

    def rate(self, now_s: float) -> float:
        return self.written / (now_s - self.began_s)


class BulkAnswers:
    """All of one host. Places were taken for a minute by peers that read a byte now and then, and
    sixteen of those left nobody else any blocks."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._waiting = 0
        self._freed = trio.Event()

    @property
    def is_full(self) -> bool:
        """So many answers wait in memory that the next question is refused."""
        return self._waiting >= ANSWERS_WAITING_MAX

    async def write(self, own_turn: trio.Lock, stream: GuardedStream, framed: bytes) -> None:
        """One at a time for each peer, whose lock `own_turn` is; MuxedStreamReset if it had to
        give way."""
        self._waiting += 1
        is_waiting = True
        try:
            async with own_turn:
                await self._room()
                self._waiting -= 1
                is_waiting = False
                await self._write(stream, framed)
        finally:
            self._waiting -= is_waiting

    async def _room(self) -> None:
        while len(self._places) >= ANSWERS_AT_ONCE_MAX:
            now_s = trio.current_time()
            old = [each for each in self._places if now_s - each.began_s >= GRACE_S]
            if old:
                self._end(min(old, key=lambda each: each.rate(now_s)))
                return
            with trio.move_on_after(_LOOK_S):
                await self._freed.wait()

    def _end(self, place: _Place) -> None:
        self._places.remove(place)
        place.scope.cancel()

    async def _write(self, stream: GuardedStream, framed: bytes) -> None:
        with trio.CancelScope() as scope:
            place = _Place(scope, trio.current_time())
            self._places.append(place)
            try:
                for start in range(0, len(framed), _PART_BYTES):
                    part = framed[start : start + _PART_BYTES]
                    await stream.write(part)
                    place.written += len(part)
            finally:
                if place in self._places:
                    self._places.remove(place)
                self._freed.set()
                self._freed = trio.Event()
        if scope.cancelled_caught:
            raise MuxedStreamReset("others read faster and waited for its place")
