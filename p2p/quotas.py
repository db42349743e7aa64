"""How much of each kind one peer may send: token buckets that never block and never grow."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from genesis import limits

_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` on average, `burst` at once."""

    per_second: int
    burst: int


class Kind(Enum):
    """What is counted apart, so that a flood of one thing does not silence another."""

    CONSENSUS = "consensus"
    ANNOUNCEMENT = "announcement"
    REQUEST = "request"
    GOSSIP = "gossip"
    BYTES = "bytes"


RATES: dict[Kind, Rate] = {
    Kind.CONSENSUS: Rate(limits.CONSENSUS_PER_SECOND, limits.CONSENSUS_BURST),
    Kind.ANNOUNCEMENT: Rate(limits.ANNOUNCEMENTS_PER_SECOND, limits.ANNOUNCEMENTS_BURST),
    Kind.REQUEST: Rate(limits.REQUESTS_PER_SECOND, limits.REQUESTS_BURST),
    Kind.GOSSIP: Rate(limits.GOSSIP_PER_SECOND, limits.GOSSIP_BURST),
    Kind.BYTES: Rate(limits.RECEIVED_BYTES_PER_SECOND, limits.RECEIVED_BYTES_BURST),
}


class TokenBucket:
    """One bucket: integers only, time comes as an argument."""

    __slots__ = ("_milli_tokens", "_rate", "_updated_ms")

    def __init__(self, rate: Rate, now_ms: int) -> None:
        self._rate = rate
        self._milli_tokens = rate.burst * _MILLI
        self._updated_ms = now_ms

    def take(self, now_ms: int, count: int = 1) -> bool:
        """Take `count` tokens, or none at all if there are not enough. A clock set back is idle."""
        elapsed = now_ms - self._updated_ms
        if elapsed > 0:
            filled = self._milli_tokens + elapsed * self._rate.per_second
            self._milli_tokens = min(self._rate.burst * _MILLI, filled)
        self._updated_ms = now_ms
        if self._milli_tokens < count * _MILLI:
            return False
        self._milli_tokens -= count * _MILLI
        return True

    def charge(self, now_ms: int, count: int) -> None:
        """Take what was already given; a balance below zero refuses until time has paid it back."""
        self.take(now_ms, 0)
        self._milli_tokens -= count * _MILLI


class Quota:
    """The buckets of one peer."""

    __slots__ = ("_buckets",)

    def __init__(self, now_ms: int, rates: dict[Kind, Rate] = RATES) -> None:
        self._buckets = {kind: TokenBucket(rate, now_ms) for kind, rate in rates.items()}

    def take(self, kind: Kind, now_ms: int, count: int = 1) -> bool:
        """Whether the peer may send `count` more of this kind now."""
        return self._buckets[kind].take(now_ms, count)


class Quotas:
    """Quotas by peer id, which outlive connections: who comes back has what it had left.

    When full, the one that was asked for longest ago is forgotten.
    """

    def __init__(self, max_peers: int = limits.PEER_STANDINGS_MAX) -> None:
        self._quotas: OrderedDict[str, Quota] = OrderedDict()
        self._max_peers = max_peers

    def of(self, peer: str, now_ms: int) -> Quota:
        """What this peer may still send."""
        quota = self._quotas.pop(peer, None) or Quota(now_ms)
        self._quotas[peer] = quota
        if len(self._quotas) > self._max_peers:
            self._quotas.popitem(last=False)
        return quota
