"""Which engine a batch goes to: by what each took when the program started, and not to and fro."""

from collections.abc import Mapping
from dataclasses import dataclass

STAYS_PERCENT = 25
"""What another engine has to save before work leaves the one that had the last batch."""
AUDIT_SHARE_PERCENT = 1
"""Of an engine's time that OpenSSL may take to look over its shoulder."""


@dataclass(frozen=True, slots=True)
class Load:
    """Signatures of one batch, by whether the keys are among those that come often."""

    known: int
    new: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanoseconds: of a call, and of each signature in it."""

    call_ns: int
    known_ns: int
    new_ns: int

    def of(self, load: Load) -> int:
        """What a batch takes."""
        return self.call_ns + self.known_ns * load.known + self.new_ns * load.new

    def __str__(self) -> str:
        call, known, new = map(_us, (self.call_ns, self.known_ns, self.new_ns))
        return f"{call} us a call, {known} us a signature of a known key, {new} us of a new one"


def fit_cost(single_ns: int, count: int, known_ns: int, new_ns: int) -> Cost:
    """Of what one signature took by itself, and `count` of known and of new keys together.

    The call is in all three: what one more signature takes is the rest, or a device whose calls are
    dear and whose signatures are cheap would get no flood.
    """
    each_known = max(1, (known_ns - single_ns) // (count - 1))
    call = max(0, single_ns - each_known)
    return Cost(call, each_known, max(1, (new_ns - call) // count))


def place(load: Load, costs: Mapping[str, Cost], last: str) -> str:
    """The engine for a batch: where the last one went, if no other saves enough."""
    best = min(costs, key=lambda name: (costs[name].of(load), name))
    if last not in costs:
        return best
    stays = costs[last].of(load) * (100 - STAYS_PERCENT) <= costs[best].of(load) * 100
    return last if stays else best


def audit_one_in(cost: Cost, reference: Cost) -> int:
    """So many verdicts to an audited one that audits keep to their share of the time."""
    return max(1, -(-100 * reference.known_ns // (AUDIT_SHARE_PERCENT * cost.known_ns)))


def _us(ns: int) -> str:
    return f"{ns // 1000}.{ns % 1000 // 100}"
