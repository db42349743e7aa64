"""Who may open a connection to us: handshakes and connections are counted per host, not by luck."""

import ipaddress
from collections import Counter

from genesis.limits import (
    CONNECTIONS_PER_HOST_MAX,
    INBOUND_CONNECTIONS_MAX,
    PENDING_HANDSHAKES_PER_HOST_MAX,
)


class Admission:
    """Counts inbound connections. Loopback has no limit per host: local networks share it."""

    def __init__(self, *, loopback_only: bool = False) -> None:
        self._loopback_only = loopback_only
        self._pending: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self.refused = 0

    @property
    def pending(self) -> int:
        """Handshakes going on."""
        return self._pending.total()

    @property
    def open(self) -> int:
        """Inbound connections."""
        return self._open.total()

    def begin(self, host: str) -> bool:
        """A connection arrived; False if there is no room for it."""
        if not self._has_room(host):
            self.refused += 1
            return False
        self._pending[host] += 1
        return True

    def establish(self, host: str) -> None:
        """Its handshake succeeded."""
        self._release(self._pending, host)
        self._open[host] += 1

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
            self._pending[host] < PENDING_HANDSHAKES_PER_HOST_MAX
            and self._open[host] < CONNECTIONS_PER_HOST_MAX
        )

    @staticmethod
    def _release(counter: Counter[str], host: str) -> None:
        counter[host] -= 1
        assert counter[host] >= 0, "released more than taken"
        if not counter[host]:
            del counter[host]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; names that are not IP addresses are not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
