"""What waits to be sent to one peer on one stream: bounded, the oldest makes room for the new."""

from collections import deque
from typing import Final

import trio

_WRITE_BYTES: Final = 64 * 1024


class Outbox:
    """One queue of frames, many writers, one reader. Nothing here ever blocks a writer."""

    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._filled = trio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: bytes) -> None:
        """Queue a frame; what is oldest and no longer fits is dropped and counted."""
        self._frames.append(frame)
        self._bytes += len(frame)
        while len(self._frames) > self._max_frames or self._bytes > self._max_bytes:
            self._bytes -= len(self._frames.popleft())
            self.dropped += 1
        self._filled.set()

    def drain(self) -> tuple[bytes, ...]:
        """Everything that waits, for another connection to send."""
        frames = tuple(self._frames)
        self._frames.clear()
        self._bytes = 0
        return frames

    async def take(self) -> bytes:
        """The next frames, several small ones together."""
        while not self._frames:
            self._filled = trio.Event()
            await self._filled.wait()
        taken = [self._frames.popleft()]
        size = len(taken[0])
        while self._frames and size + len(self._frames[0]) <= _WRITE_BYTES:
            taken.append(self._frames.popleft())
            size += len(taken[-1])
        self._bytes -= size
        return taken[0] if len(taken) == 1 else b"".join(taken)
