"""What a verification engine is to those who call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from native.errors import AIChainError
from native.signatures import SignatureItem


class Engine(Protocol):
    """The same verdicts from every engine, in order. Threads may call it at once."""

    @property
    def name(self) -> str: ...

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]: ...

    def pin(self, public_keys: Sequence[bytes]) -> None: ...

    def cache_counters(self) -> dict[str, int]:
        """Of prepared keys: hits, misses and evictions so far; pinned and recent ones now."""
        ...


@dataclass(eq=False)
class EngineFailed(AIChainError):
    """An engine cannot work (any more): its device is gone, or has no memory left."""

    reason: str


@dataclass(frozen=True, slots=True)
class EngineFault:
    """Why an engine is not used any more in this process."""

    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine} is in quarantine: {self.reason}"
