"""To whom a token of the environment is sent: to whom it was given for, and to no other address.

Whoever types another `--rpc` would else hand the token of their own node to whoever answers there.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

DEFAULT_URL: Final = "http://127.0.0.1:3690"
TOKEN_VARIABLE: Final = "AICHAIN_RPC_TOKEN"
URL_VARIABLE: Final = "AICHAIN_RPC_URL"
HOSTS_VARIABLE: Final = "AICHAIN_RPC_TOKEN_HOSTS"
"""Further hosts that the token is for, HOST or HOST:PORT with commas between them."""
_PORTS: Final = {"http": 80, "https": 443}


def token_for(url: str, environ: Mapping[str, str]) -> str:
    """The token, where it is meant for this address: a valid one, or one of a unix socket.

    It is for this machine (`localhost`, 127.0.0.0/8, ::1: also the near end of a tunnel), for the
    node of AICHAIN_RPC_URL (scheme, host and port), and for the hosts of AICHAIN_RPC_TOKEN_HOSTS.
    """
    token = environ.get(TOKEN_VARIABLE, "")
    parts = _parts(url)
    if not token or parts is None or not _is_meant(parts, environ):
        return ""
    return token


def is_sendable(token: str) -> bool:
    """Whether a header can carry it; `http.client` would show one that it cannot."""
    return token.isascii() and token.isprintable() and " " not in token


def address_parts(url: str) -> SplitResult:
    """Of an address that may have been typed without its `http://`; ValueError where it is none."""
    return urlsplit(url if "//" in url else f"http://{url}")


def _is_meant(parts: SplitResult, environ: Mapping[str, str]) -> bool:
    host, port = parts.hostname or "", _port(parts)
    ours = _parts(environ.get(URL_VARIABLE, ""))
    if ours is not None and _origin(ours) == _origin(parts):
        return True
    named = {each.strip().lower() for each in environ.get(HOSTS_VARIABLE, "").split(",")}
    shown = f"[{host}]" if ":" in host else host
    return _is_loopback(host) or bool({host, shown, f"{shown}:{port}"} & (named - {""}))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, _port(parts)


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)


def _parts(url: str) -> SplitResult | None:
    try:
        parts = address_parts(url)
        _port(parts)
    except ValueError:
        return None
    return parts if parts.hostname else None
