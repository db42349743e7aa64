"""How much one caller may ask of this node: limits of the server, and a budget per address."""

from collections import OrderedDict
from dataclasses import dataclass

from genesis import limits


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Limits of one server; the defaults are the named ones of `genesis/limits.py`."""

    connections: int = limits.RPC_CONNECTIONS_MAX
    connections_per_address: int = limits.RPC_CONNECTIONS_PER_ADDRESS_MAX
    head_bytes: int = limits.RPC_HEAD_MAX_BYTES
    headers: int = limits.RPC_HEADERS_MAX
    body_bytes: int = limits.RPC_BODY_MAX_BYTES
    response_bytes: int = limits.RPC_RESPONSE_MAX_BYTES
    batch_calls: int = limits.RPC_BATCH_CALLS_MAX
    subscriptions: int = limits.RPC_SUBSCRIPTIONS_MAX
    outbox_messages: int = limits.RPC_OUTBOX_MESSAGES_MAX
    calls_per_second: int = limits.RPC_CALLS_PER_SECOND
    burst_calls: int = limits.RPC_CALLS_BURST
    tracked_addresses: int = limits.RPC_TRACKED_ADDRESSES_MAX
    idle_timeout_s: float = limits.RPC_IDLE_TIMEOUT_S
    read_timeout_s: float = limits.RPC_READ_TIMEOUT_S
    write_timeout_s: float = limits.RPC_WRITE_TIMEOUT_S
    call_timeout_s: float = limits.RPC_CALL_TIMEOUT_S
    linger_timeout_s: float = limits.RPC_LINGER_TIMEOUT_S


class CallBudget:
    """Token bucket per caller's address; the least recent addresses are forgotten (full again).

    Time is an argument: seconds of any clock that does not go back.
    """

    def __init__(self, settings: RpcLimits) -> None:
        self._rate = settings.calls_per_second
        self._burst = settings.burst_calls
        self._limit = settings.tracked_addresses
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, calls: int, now_s: float) -> float:
        """Spend `calls`; 0.0 when they were there, else seconds to wait until they will be."""
        level, seen_s = self._levels.pop(address, (float(self._burst), now_s))
        level = min(float(self._burst), level + (now_s - seen_s) * self._rate)
        wanted = min(calls, self._burst)
        allowed = level >= wanted
        self._levels[address] = (level - wanted if allowed else level, now_s)
        if len(self._levels) > self._limit:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (wanted - level) / self._rate

    def __len__(self) -> int:
        return len(self._levels)


class ConnectionCount:
    """Open connections, in all and per address."""

    def __init__(self, settings: RpcLimits) -> None:
        self._settings = settings
        self._open: dict[str, int] = {}
        self.total = 0

    def open(self, address: str) -> bool:
        """Count one more; False (and not counted) where a limit is reached."""
        mine = self._open.get(address, 0)
        if (
            self.total >= self._settings.connections
            or mine >= self._settings.connections_per_address
        ):
            return False
        self._open[address] = mine + 1
        self.total += 1
        return True

    def close(self, address: str) -> None:
        assert self._open[address] > 0
        self.total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
