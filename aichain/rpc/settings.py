"""Where the server listens and whom it trusts; the node makes this from its configuration."""

from dataclasses import dataclass, field
from pathlib import Path

from aichain.rpc.limits import RpcLimits

LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})


@dataclass(frozen=True, slots=True)
class RpcSettings:
    """Names are in lower case. "*" in `hosts` or `origins` lets everything pass."""

    host: str = "127.0.0.1"
    port: int = 3690
    hosts: frozenset[str] = LOCAL_NAMES
    """Names a Host header may carry besides IP addresses (DNS rebinding needs a name)."""
    origins: frozenset[str] = frozenset()
    """Web origins whose pages may call, as "https://wallet.example"."""
    faults: bool = False
    """Serve aichain_setBlockedPeers: for local networks under test only."""
    ready_within_ms: int = 5_000
    """A node whose last final block is older should get no new clients."""
    socket: Path | None = None
    """A unix socket that serves the same and `admin_*`; the mode of the file says who may."""
    tokens: tuple[bytes, ...] = ()
    """If there are any, callers of the listener need one: `Authorization: Bearer TOKEN`."""
    fleet: frozenset[bytes] | None = None
    """The nodes whose heartbeats are taken; None where these methods are not served."""
    limits: RpcLimits = field(default_factory=RpcLimits)
