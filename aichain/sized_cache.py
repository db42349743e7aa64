"""A cache whose values have sizes: what was used longest ago makes room."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SizedCache(Generic[K, V]):
    """At most `limit_bytes` of values, as whoever puts them in counts their bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: K) -> V | None:
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Hold it, unless it alone is more than a quarter of all that may be held."""
        if size_bytes > self._limit_bytes // 4 or key in self._held:
            return
        self._held[key] = (value, size_bytes)
        self.size_bytes += size_bytes
        while self.size_bytes > self._limit_bytes:
            _, (_, freed_bytes) = self._held.popitem(last=False)
            self.size_bytes -= freed_bytes

    def __len__(self) -> int:
        return len(self._held)
