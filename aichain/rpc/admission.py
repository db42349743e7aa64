"""Who may call from where: names in Host, origins of web pages, bearer tokens."""

import hmac
import ipaddress
import re
from collections.abc import Collection

from aichain.rpc.http import HttpRefused, HttpRequest
from aichain.rpc.settings import RpcSettings

OPEN_PATHS = frozenset({"/health", "/ready", "/validation", "/validation.json"})
"""Probes have no tokens."""
_HOST = re.compile(r"(\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]+))(:[0-9]{1,5})?", re.ASCII)


class Admission:
    """The rules of one listener, as one connection meets them.

    A client says the same with every request, so what was let in last is remembered.
    """

    def __init__(self, settings: RpcSettings) -> None:
        self._settings = settings
        self._admitted: tuple[str | None, ...] | None = None

    def require(self, request: HttpRequest) -> None:
        """Raises HttpRefused where the settings keep this caller out."""
        headers = request.headers
        shown = (headers.get("host"), headers.get("origin"), headers.get("authorization"))
        if shown == self._admitted:
            return
        if not host_allowed(request.host, self._settings.hosts):
            raise HttpRefused(421, "this host name is not served here (rpc hosts)")
        if not origin_allowed(headers.get("origin"), request.host, self._settings.origins):
            raise HttpRefused(403, "this origin may not call (rpc cors)")
        if token_allowed(headers.get("authorization", ""), self._settings.tokens):
            self._admitted = shown
        elif request.method != "OPTIONS" and request.path not in OPEN_PATHS:
            raise HttpRefused(401, "send Authorization: Bearer and a token of this node")


def host_allowed(host: str, allowed: Collection[str]) -> bool:
    """Is this Host header ours? Names must be listed; addresses cannot be rebound by DNS."""
    if not host or "*" in allowed:
        return True
    parts = _HOST.fullmatch(host)
    if parts is None:
        return False
    name = parts["v6"] or parts["name"]
    if name.lower() in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def token_allowed(authorization: str, tokens: Collection[bytes]) -> bool:
    """Whether a header carries one of these tokens (RFC 6750); without tokens everybody may call.

    Each is compared in full: the time it takes says nothing of where they differ.
    """
    scheme, _, given = authorization.partition(" ")
    is_bearer = scheme.lower() == "bearer"
    found = [hmac.compare_digest(given.strip().encode("latin-1"), token) for token in tokens]
    return not tokens or (is_bearer and any(found))


def origin_allowed(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """May a page of this origin call? Programs send none; our own pages have our own host."""
    if origin is None or "*" in allowed or origin.lower() in allowed:
        return True
    return bool(host) and origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")
