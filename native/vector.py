"""The engines of our own: ML-DSA in C++ on the processor's vector units."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from native.compiled import INSTRUCTION_SETS, kernels
from native.signatures import SignatureItem
from native.threads import ThreadedEngine

RECENT_KEYS_MAX = 1024
"""Expanded keys of each parameter set that are kept besides the pinned ones; 37 KB each for -65."""


class VectorEngine(ThreadedEngine):
    """Verifies many signatures at once, with the matrices of known keys at hand."""

    inline_below_items = 32
    piece_max_items = 512  # the fewer, the more signatures share one loading of their key

    def __init__(
        self,
        instruction_set: str,
        threads: int | None = None,
        recent_keys_max: int = RECENT_KEYS_MAX,
    ) -> None:
        super().__init__(threads)
        self.name = instruction_set
        self._verifier = kernels.Verifier(instruction_set, recent_keys_max)

    def verify_piece(self, items: Sequence[SignatureItem]) -> list[bool]:
        return self._verifier.verify(items)

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Keep these keys expanded for good, and those pinned before no longer."""
        self._verifier.pin(public_keys)

    def cache_counters(self) -> dict[str, int]:
        """Hits, misses and evictions so far; pinned and recent keys now."""
        return self._verifier.counters()


def vector_engines() -> Mapping[str, Callable[[], VectorEngine]]:
    """An engine for each instruction set."""
    return {name: partial(VectorEngine, name) for name in INSTRUCTION_SETS}
