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
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="native-verify")

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        """One verdict an item, in order. Blocks: an event loop goes through a thread."""
        if len(items) < self.inline_below_items or self.threads == 1:
            return self.verify_piece(items)
        size = min(self.piece_max_items, -(-len(items) // self.threads))
        pieces = [items[start : start + size] for start in range(0, len(items), size)]
        return [verdict for part in self._pool.map(self.verify_piece, pieces) for verdict in part]

    @abstractmethod
    def verify_piece(self, items: Sequence[SignatureItem]) -> list[bool]:
        """The same in the calling thread."""
