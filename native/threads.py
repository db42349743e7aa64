"""A batch cut into pieces for a few threads: what the engines of the CPU have in common."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from native.signatures import SignatureItem

THREADS_MAX = 4


class ThreadedEngine(ABC):
    """Its `verify_piece` drops the interpreter lock at work, so threads add up."""

    inline_below_items: int
    """A batch smaller than this is not worth waking threads for."""
    piece_max_items: int

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or min(THREADS_MAX, os.cpu_count() or 1)
        helpers = max(1, self.threads - 1)
        self._pool = ThreadPoolExecutor(helpers, thread_name_prefix="native-verify")

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        """One verdict an item, in order. Blocks: an event loop goes through a thread.

        The caller works, too, and takes back what no helper has begun: so nobody's votes wait
        until the helpers are through with somebody else's flood.
        """
        if len(items) < self.inline_below_items or self.threads == 1:
            return self.verify_piece(items)
        size = min(self.piece_max_items, -(-len(items) // self.threads))
        first, *others = (items[start : start + size] for start in range(0, len(items), size))
        helped = [self._pool.submit(self.verify_piece, piece) for piece in others]
        parts = [self.verify_piece(first)]
        taken_back: list[list[bool]] = []
        while helped and helped[-1].cancel():
            helped.pop()
            taken_back.append(self.verify_piece(others[len(helped)]))
        parts += [help_.result() for help_ in helped]
        return [verdict for part in (*parts, *reversed(taken_back)) for verdict in part]

    @abstractmethod
    def verify_piece(self, items: Sequence[SignatureItem]) -> list[bool]:
        """The same in the calling thread."""
