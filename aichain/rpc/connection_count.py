"""How many connections are open, so that one address cannot hold them all."""

from aichain.rpc.limits import RpcLimits


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
