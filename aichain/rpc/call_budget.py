"""How many calls one address may make, whatever number of connections it makes them on."""

from collections import OrderedDict

from aichain.rpc.limits import RpcLimits


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
        self._forget()
        return 0.0 if allowed else (wanted - level) / self._rate

    def charge(self, address: str, calls: int, now_s: float) -> None:
        """Spend what a call turned out to cost: later ones wait until it is paid back.

        Nobody owes more than one burst, however much was read.
        """
        level, seen_s = self._levels.pop(address, (float(self._burst), now_s))
        level = min(float(self._burst), level + (now_s - seen_s) * self._rate)
        self._levels[address] = (max(level - calls, -float(self._burst)), now_s)
        self._forget()

    def _forget(self) -> None:
        if len(self._levels) > self._limit:
            self._levels.popitem(last=False)

    def __len__(self) -> int:
        return len(self._levels)
