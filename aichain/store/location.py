"""Where a final transaction stands in the chain."""

from dataclasses import dataclass
from typing import Final, Self

_HEIGHT_BYTES: Final = 8
_INDEX_BYTES: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """In the order of the chain, and so are its bytes."""

    height: int
    index: int

    def encode(self) -> bytes:
        height = self.height.to_bytes(_HEIGHT_BYTES, "big")
        return height + self.index.to_bytes(_INDEX_BYTES, "big")

    @classmethod
    def decode(cls, raw: bytes) -> Self | None:
        """None where these bytes are none."""
        if len(raw) != _HEIGHT_BYTES + _INDEX_BYTES:
            return None
        height, index = raw[:_HEIGHT_BYTES], raw[_HEIGHT_BYTES:]
        return cls(int.from_bytes(height, "big"), int.from_bytes(index, "big"))
