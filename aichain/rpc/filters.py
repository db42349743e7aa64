"""Filters that callers poll over HTTP: how far each has been told, bounded and forgotten in time.

Final blocks stay, so a filter of blocks or logs is only the height that comes next. What waits in
the mempool does not, so a filter of that keeps hashes, which the hub hands to it.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from aichain.rpc.errors import SubscriberLagged, TooManyFilters, UnknownFilter
from aichain.rpc.interests import Interest, PendingTransactions
from aichain.rpc.logs import LogFilter
from genesis import limits

_ID_BITS = 128
_PENDING = PendingTransactions()


@dataclass(slots=True)
class BlockFilter:
    """Hashes of final blocks."""

    next_height: int


@dataclass(slots=True)
class LogsFilter:
    """Logs of final blocks."""

    wanted: LogFilter
    first: int
    last: int | None
    """None: there is no end."""
    next_height: int


@dataclass(slots=True)
class PendingFilter:
    """Hashes of transactions that came to wait."""

    hashes: list[str] = field(default_factory=list)
    lagged: bool = False

    def take(self, limit: int) -> list[str]:
        """Raises SubscriberLagged once more came than it holds."""
        if self.lagged:
            raise SubscriberLagged(limit_messages=limit)
        taken, self.hashes = self.hashes, []
        return taken


Filter = BlockFilter | LogsFilter | PendingFilter


@dataclass(slots=True)
class _Entry:
    filter: Filter
    asked_ms: int


class FilterTable:
    """The filters of one server, longest unasked first. The hub knows it as a reader."""

    def __init__(
        self,
        *,
        filters: int = limits.RPC_FILTERS_MAX,
        idle_ms: int = limits.RPC_FILTER_IDLE_MS,
        hashes: int = limits.RPC_FILTER_HASHES_MAX,
    ) -> None:
        self._filters = filters
        self._idle_ms = idle_ms
        self._hashes = hashes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def install(self, wanted: Filter, now_ms: int) -> str:
        """Its id, which nobody can guess. Raises TooManyFilters."""
        self._forget_idle(now_ms)
        if len(self._entries) >= self._filters:
            raise TooManyFilters(limit=self._filters)
        name = hex(secrets.randbits(_ID_BITS) | 1 << (_ID_BITS - 1))
        self._entries[name] = _Entry(wanted, now_ms)
        return name

    def find(self, name: str, now_ms: int) -> Filter:
        """The filter, which lives on from now. Raises UnknownFilter."""
        self._forget_idle(now_ms)
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownFilter(filter=name)
        entry.asked_ms = now_ms
        self._entries.move_to_end(name)
        return entry.filter

    def uninstall(self, name: str) -> bool:
        """False where there is none."""
        return self._entries.pop(name, None) is not None

    def take_pending(self, wanted: PendingFilter) -> list[str]:
        """What came since the last time. Raises SubscriberLagged."""
        return wanted.take(self._hashes)

    def interests(self) -> Iterable[Interest]:
        return (_PENDING,) if any(self._pending()) else ()

    def notify(self, interest: Interest, result: bytes) -> None:
        assert interest == _PENDING, "it asks for nothing else"
        name = msgspec.json.decode(result, type=str)
        for each in self._pending():
            if len(each.hashes) < self._hashes:
                each.hashes.append(name)
            else:
                each.lagged, each.hashes = True, []

    def lag(self) -> None:
        """The hub lost some: no filter of them is whole any more."""
        for each in self._pending():
            each.lagged, each.hashes = True, []

    def _pending(self) -> Iterable[PendingFilter]:
        for entry in self._entries.values():
            if isinstance(entry.filter, PendingFilter) and not entry.filter.lagged:
                yield entry.filter

    def _forget_idle(self, now_ms: int) -> None:
        while self._entries:
            name, entry = next(iter(self._entries.items()))
            if now_ms - entry.asked_ms <= self._idle_ms:
                return
            del self._entries[name]
