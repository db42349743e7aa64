"""Dialable addresses as text: the /ip4/…/tcp/…/p2p/… forms that this node speaks."""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final

from genesis.limits import ADDRESS_MAX_BYTES
from native.errors import InvalidPeerId
from native.node_keys import parse_peer_id
from p2p.errors import InvalidPeerAddress

_HOST_KINDS: Final = ("ip4", "ip6", "dns", "dns4", "dns6")
_DNS_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """A TCP endpoint, and who must answer there (empty if anyone may)."""

    kind: str
    host: str
    port: int
    peer_id: str = ""

    def __str__(self) -> str:
        end = f"/p2p/{self.peer_id}" if self.peer_id else ""
        return f"/{self.kind}/{self.host}/tcp/{self.port}{end}"

    @property
    def endpoint(self) -> str:
        """The address without the peer id."""
        return str(replace(self, peer_id=""))

    @property
    def is_unspecified(self) -> bool:
        """Whether it says "every interface", which nobody can dial."""
        return self._ip is not None and self._ip.is_unspecified

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can dial it."""
        return self._ip is not None and self._ip.is_loopback

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        return ipaddress.ip_address(self.host) if self.kind in ("ip4", "ip6") else None

    def with_host(self, host: str) -> "PeerAddress":
        """The same port and peer at another IP address."""
        ip = ipaddress.ip_address(host)
        return replace(self, kind=f"ip{ip.version}", host=str(ip))


def parse_peer_address(text: str) -> PeerAddress:
    """`text` as an address; InvalidPeerAddress says what is wrong with it."""
    if len(text) > ADDRESS_MAX_BYTES or not text.isascii():
        raise InvalidPeerAddress(text[:ADDRESS_MAX_BYTES], "too long or not ASCII")
    parts = text.split("/")
    if len(parts) not in (5, 7) or parts[0] or parts[1] not in _HOST_KINDS or parts[3] != "tcp":
        raise InvalidPeerAddress(text, "expected /ip4/HOST/tcp/PORT/p2p/PEER_ID")
    kind, host, port = parts[1], parts[2], parts[4]
    if not port.isdigit() or len(port) > 5 or int(port) > 65_535:
        raise InvalidPeerAddress(text, "the port is a number up to 65535")
    if kind in ("ip4", "ip6"):
        host = _parse_ip(text, kind, host)
    elif not _DNS_NAME.fullmatch(host):
        raise InvalidPeerAddress(text, "not a host name")
    peer_id = ""
    if len(parts) == 7:
        if parts[5] != "p2p":
            raise InvalidPeerAddress(text, "expected /p2p/PEER_ID at the end")
        peer_id = _checked_peer_id(text, parts[6])
    return PeerAddress(kind, host, int(port), peer_id)


def _checked_peer_id(text: str, peer_id: str) -> str:
    try:
        parse_peer_id(peer_id)
    except InvalidPeerId:
        raise InvalidPeerAddress(
            text, "what follows /p2p/ is not a peer id like 12D3Koo…"
        ) from None
    return peer_id


def _parse_ip(text: str, kind: str, host: str) -> str:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise InvalidPeerAddress(text, "not an IP address") from None
    if f"ip{ip.version}" != kind:
        raise InvalidPeerAddress(text, f"{host} is not {kind}")
    return str(ip)
