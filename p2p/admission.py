"""Who may open a connection to us: handshakes and connections are counted per host, not by luck."""

import ipaddress
from collections import Counter, OrderedDict
from typing import Final

from genesis.limits import (
    CONNECTIONS_PER_HOST_MAX,
    HANDSHAKES_BURST,
    HANDSHAKES_PER_HOST_BURST,
    HANDSHAKES_PER_HOST_PER_SECOND,
    HANDSHAKES_PER_SECOND,
    HOSTS_REMEMBERED_MAX,
    INBOUND_CONNECTIONS_MAX,
    PENDING_HANDSHAKES_PER_HOST_MAX,
)
from p2p.quotas import Rate, TokenBucket

_RATE: Final = Rate(HANDSHAKES_PER_SECOND, HANDSHAKES_BURST)
_HOST_RATE: Final = Rate(HANDSHAKES_PER_HOST_PER_SECOND, HANDSHAKES_PER_HOST_BURST)
_SUBNET_BITS: Final = 64


class Admission:
    """Counts inbound connections, and how fast they come: a handshake costs us more than whoever
    opens it. Loopback has no limit per host: local networks share it.

    Of IPv6 a host is its /64, because one customer holds all of that.
    """

    def __init__(self, *, loopback_only: bool = False) -> None:
        self._loopback_only = loopback_only
        self._pending: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._rate: TokenBucket | None = None
        self._host_rates: OrderedDict[str, TokenBucket] = OrderedDict()
        self.refused = 0

    @property
    def pending(self) -> int:
        """Handshakes going on."""
        return self._pending.total()

    @property
    def open(self) -> int:
        """Inbound connections."""
        return self._open.total()

    def begin(self, host: str, now_ms: int) -> bool:
        """A connection arrived; False if there is no room for it, or if it comes too soon."""
        if not self._has_room(host) or not (is_loopback(host) or self._is_paid_for(host, now_ms)):
            self.refused += 1
            return False
        self._pending[_customer(host)] += 1
        return True

    def establish(self, host: str) -> None:
        """Its handshake succeeded."""
        self._release(self._pending, host)
        self._open[_customer(host)] += 1

    def abandon(self, host: str) -> None:
        """Its handshake failed."""
        self._release(self._pending, host)

    def end(self, host: str) -> None:
        """An established connection is over."""
        self._release(self._open, host)

    def _has_room(self, host: str) -> bool:
        local = is_loopback(host)
        if self._loopback_only and not local:
            return False
        if self.open >= INBOUND_CONNECTIONS_MAX:
            return False
        return local or (
            self._pending[_customer(host)] < PENDING_HANDSHAKES_PER_HOST_MAX
            and self._open[_customer(host)] < CONNECTIONS_PER_HOST_MAX
        )

    def _is_paid_for(self, host: str, now_ms: int) -> bool:
        """Each host has a budget of its own before it may spend from that of all."""
        customer = _customer(host)
        own = self._host_rates.pop(customer, None) or TokenBucket(_HOST_RATE, now_ms)
        self._host_rates[customer] = own
        if len(self._host_rates) > HOSTS_REMEMBERED_MAX:
            self._host_rates.popitem(last=False)
        self._rate = self._rate or TokenBucket(_RATE, now_ms)
        return own.take(now_ms) and self._rate.take(now_ms)

    @staticmethod
    def _release(counter: Counter[str], host: str) -> None:
        customer = _customer(host)
        counter[customer] -= 1
        assert counter[customer] >= 0, "released more than taken"
        if not counter[customer]:
            del counter[customer]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; names that are not IP addresses are not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _customer(host: str) -> str:
    """Whom we count: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _SUBNET_BITS), strict=False))
