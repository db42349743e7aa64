"""Machines of a simulated network: virtual time, but the processor time that work really took.

A node has one core for all Python, one beside it for signatures, and a disk. Work is done on the
spot, and what it took keeps its core busy: messages leave, and are read, when the loop is free.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import trio
from trio.abc import Instrument

from native import backends, batch
from native.panel import Panel
from native.signatures import SignatureItem, verify

T = TypeVar("T")

START_MS: Final = 1_800_000_000_000
BESIDE_THE_LOOP: Final = {"judge_many", "judge_votes", "confirm_refusals", "verify_many", "sign"}
"""OpenSSL's work; all other functions are Python's, and hold the interpreter's lock."""
SYNCED: Final = {"_append", "make_durable"}
"""These wait for the disk, and so does the one that commits blocks."""
MESSAGE_S: Final = 65e-6
"""Of either end, for a message in Noise and Yamux: p2p/README measured 0.13 ms for both."""
BYTE_S: Final = 9e-9
"""Of either end, for a byte: p2p/README measured 110 MB/s."""
_FSYNC_S: Final = 0.001
_SLOW_FSYNC_S: Final = 0.008
_SLOW_FSYNC_ONE_IN: Final = 20
_SIGNATURES_KNOWN: Final = 8_192

host_of_task: ContextVar["Host | None"] = ContextVar("host_of_task", default=None)
"""The host of a task and of all that it starts."""


class Meter(Instrument):
    """Charges each step of a task to the host that it runs on."""

    def __init__(self) -> None:
        self._began = 0.0
        self._extra_s = 0.0

    def charge(self, seconds: float) -> None:
        """The step under way costs more, or less, than the processor time it takes here."""
        self._extra_s += seconds

    def spent(self) -> float:
        """What the step under way has cost up to now."""
        return time.thread_time() - self._began + self._extra_s

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began, self._extra_s = time.thread_time(), 0.0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        host, took = task.context.get(host_of_task), self.spent()
        if host is not None:
            host.cpu_s += took
            host.busy_until = max(host.busy_until, trio.current_time()) + took


@dataclass(slots=True)
class Host:
    """One node's machine."""

    index: int
    meter: Meter
    commit: str
    """The name of the function that makes blocks final on the disk."""
    busy_until: float = 0.0
    cpu_s: float = 0.0
    threads_s: float = 0.0
    messages: int = 0
    bytes: int = 0
    _seen: set[str] = field(default_factory=set)
    _disk: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._disk = random.Random(self.index)

    @property
    def lag(self) -> float:
        """So many seconds is its loop behind, the step under way included."""
        return max(0.0, self.busy_until - trio.current_time()) + self.meter.spent()

    @property
    def now(self) -> float:
        """Virtual seconds, at the end of the work under way."""
        return trio.current_time() + self.lag

    @property
    def unseen(self) -> set[str]:
        """What should have waited for the disk and never ran: renamed, and so free of cost."""
        return (SYNCED | {self.commit}) - self._seen

    def now_ms(self) -> int:
        """The clock of `aichain.machine.Machine`."""
        return START_MS + int(self.now * 1000)

    def carry(self, size: int) -> None:
        """A message of `size` bytes leaves, or is read."""
        self.messages += 1
        self.bytes += size
        self.meter.charge(MESSAGE_S + BYTE_S * size)

    async def run_blocking(
        self,
        function: Callable[..., T],
        /,
        *arguments: Any,  # noqa: ANN401 whatever the function takes
        limiter: trio.CapacityLimiter | None = None,
    ) -> T:
        """Do it on the spot, then let the time pass that it takes."""
        if limiter is None:
            return await self._work(function, arguments)
        async with limiter:
            return await self._work(function, arguments)

    async def _work(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        name = getattr(getattr(function, "func", function), "__name__", "")
        self._seen.add(name)
        lag, before = self.lag, self.meter.spent()
        result = function(*arguments)
        took = self.meter.spent() - before
        if name in BESIDE_THE_LOOP:
            self.threads_s += took
            self.meter.charge(-took)
        await trio.sleep(lag + took + self._disk_s(name))
        return result

    def _disk_s(self, name: str) -> float:
        if name not in SYNCED and name != self.commit:
            return 0.0
        return _FSYNC_S if self._disk.randrange(_SLOW_FSYNC_ONE_IN) else _SLOW_FSYNC_S


class OnceVerified:
    """An engine that checks each signature once in this process; every node that asks pays what
    that took, for one core. Costs less than as many checks as there are nodes."""

    name = "once"

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._known: OrderedDict[bytes, tuple[SignatureItem, bool, float]] = OrderedDict()

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        """One verdict an item, in order."""
        return [self._verify(item) for item in items]

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Nothing is kept of keys."""

    def cache_counters(self) -> dict[str, int]:
        """Of no keys."""
        return {}

    def _verify(self, item: SignatureItem) -> bool:
        known = self._known.get(item.signature)
        if known is not None and known[0] == item:
            self._meter.charge(known[2])
            return known[1]
        before = self._meter.spent()
        verdict = verify(item.public_key, item.message, item.context, item.signature)
        self._known[item.signature] = item, verdict, self._meter.spent() - before
        if len(self._known) > _SIGNATURES_KNOWN:
            self._known.popitem(last=False)
        return verdict


def install_engine(meter: Meter) -> None:
    """For all nodes of this process."""
    panel = Panel(OnceVerified(meter))
    for module in (backends, batch):
        vars(module)["select_panel"] = lambda: panel
