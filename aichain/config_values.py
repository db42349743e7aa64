"""The values that settings have: what a flag, a variable or a config.toml holds, read or refused.

Every reader raises ValueError with what was expected.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from genesis.limits import (
    BLOCK_TIME_MAX_MS,
    CERTIFICATE_WINDOW_BLOCKS,
    FAULT_CLOCK_OFFSET_MAX_MS,
    FAULT_FSYNC_DELAY_MAX_MS,
)
from genesis.units import U64_MAX
from native.hashing import Hash32, hash32
from p2p.addresses import PeerAddress, parse_peer_address
from p2p.errors import InvalidPeerAddress

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

_ORIGIN: Final = re.compile(r"https?://[^/\s@]+", re.IGNORECASE)
_TRUST: Final = re.compile(r"([0-9]{1,20}):0x([0-9a-fA-F]{64})", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)


class LogFormat(StrEnum):
    HUMAN = "human"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A numeric address and port to listen on or to call."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return ip_address(self.host).is_loopback

    @property
    def multiaddr(self) -> str:
        return f"/ip{ip_address(self.host).version}/{self.host}/tcp/{self.port}"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a node of a test network on purpose."""

    regions: bool = False
    """Peers are as far away as the cloud regions that they stand in (`p2p.regions`)."""
    clock_offset_ms: int = 0
    """Its clock is so much ahead of the machine's; behind, where negative."""
    fsync_delay_ms: int = 0
    """Each fsync of the vote log and of the chain takes so much longer."""


class IndexMode(StrEnum):
    """What can be looked up besides blocks and accounts."""

    NONE = "none"
    TX = "tx"
    """A transaction by its hash."""
    FULL = "full"
    """And the transactions of an account."""


class SyncMode(StrEnum):
    """How a node that is far behind catches up."""

    FULL = "full"
    """Every block from its own last one on is executed."""
    SNAPSHOT = "snapshot"
    """The state of a recent epoch's end is fetched, proved, and gone on from."""


@dataclass(frozen=True, slots=True)
class TrustPoint:
    """A block that somebody vouched for in person."""

    height: int
    block_id: Hash32


def read_index_mode(value: object) -> IndexMode:
    """true and false, as it was written before there were three: transactions, or nothing."""
    if value in tuple(IndexMode):
        return IndexMode(str(value))
    try:
        return IndexMode.TX if read_boolean(value) else IndexMode.NONE
    except ValueError:
        raise ValueError(f"one of {', '.join(IndexMode)} was expected") from None


def read_sync(value: object) -> SyncMode:
    if value in tuple(SyncMode):
        return SyncMode(str(value))
    raise ValueError(f"{' or '.join(SyncMode)} was expected")


def read_trust(value: object) -> TrustPoint | None:
    """A height and the hash of its block; None where nothing was said."""
    if isinstance(value, str) and (found := _TRUST.fullmatch(value)) is not None:
        height = int(found[1])
        if height <= U64_MAX:
            return TrustPoint(height, hash32(bytes.fromhex(found[2])))
    raise ValueError("a block such as 1200:0x… with its 64 digits was expected")


def read_text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a text of printable letters was expected")
    return value


def read_http_url(value: object) -> str:
    text = read_text(value)
    if not is_http_url(text):
        raise ValueError("an address such as http://HOST:PORT was expected")
    return text


def is_http_url(text: str) -> bool:
    """Whether this is an http address with a host, of plain letters."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return plain and parts.scheme in ("http", "https") and bool(host) and parts.username is None


def read_path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(read_text(value)).expanduser()


def read_boolean(value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("true or false was expected")


def read_index(value: object) -> int:
    """Of a founder; whether there are so many is for its document to say."""
    try:
        return _integer(value, 0, U64_MAX)
    except ValueError:
        raise ValueError("the number of a founder was expected, from 0 on") from None


def read_keep(value: object) -> int | None:
    """How many blocks; None for all of them."""
    if value == "full":
        return None
    try:
        return _integer(value, CERTIFICATE_WINDOW_BLOCKS, U64_MAX)
    except ValueError:
        raise ValueError(
            f"full, or a number of blocks of at least {CERTIFICATE_WINDOW_BLOCKS}, was expected"
        ) from None


def read_delta_ms(value: object) -> int:
    return _integer(value, 1, BLOCK_TIME_MAX_MS)


def read_clock_offset_ms(value: object) -> int:
    return _integer(value, -FAULT_CLOCK_OFFSET_MAX_MS, FAULT_CLOCK_OFFSET_MAX_MS)


def read_fsync_delay_ms(value: object) -> int:
    return _integer(value, 0, FAULT_FSYNC_DELAY_MAX_MS)


def _integer(value: object, least: int, most: int) -> int:
    is_number = isinstance(value, int | str) and not isinstance(value, bool)
    try:
        number = int(str(value)) if is_number else least - 1
    except ValueError:  # no number, or one of thousands of digits
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"a number from {least} to {most} was expected")
    return number


def read_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError("a list of texts was expected")
    return tuple(read_text(item) for item in value)


def read_origins(value: object) -> tuple[str, ...]:
    return _each(value, _read_origin)


def read_hosts(value: object) -> tuple[str, ...]:
    return _each(value, _read_host)


def read_bootstrap(value: object) -> tuple[str, ...]:
    return _each(value, _read_bootstrap)


def _each(value: object, read: Callable[[str], str]) -> tuple[str, ...]:
    items = read_texts(value)
    made = []
    for item in items:
        try:
            made.append(read(item))
        except ValueError as error:
            raise ValueError(f"{item!r}: {error}" if len(items) > 1 else str(error)) from None
    return tuple(made)


def _read_origin(text: str) -> str:
    if text != "*" and _ORIGIN.fullmatch(text) is None:
        raise ValueError("an origin such as https://example.com was expected, without a path")
    return text.lower()


def _read_host(text: str) -> str:
    if text != "*" and _HOST.fullmatch(text) is None:
        raise ValueError("a host name such as node.example.com was expected")
    return text.lower()


def _read_bootstrap(text: str) -> str:
    address = _peer_address(text)
    if not address.peer_id or address.is_unspecified or not address.port:
        raise ValueError("an address that can be dialled was expected, with /p2p/PEER_ID")
    return str(address)


def _peer_address(text: str) -> PeerAddress:
    try:
        return parse_peer_address(text)
    except InvalidPeerAddress as error:
        raise ValueError(error.reason) from None


def read_announced(value: object) -> str:
    address = _peer_address(read_text(value))
    if address.peer_id or address.is_unspecified or not address.port:
        raise ValueError("an address that others can dial was expected, without /p2p/…")
    return str(address)


def read_log_format(value: object) -> LogFormat:
    return LogFormat(read_text(value))


def read_log_level(value: object) -> str:
    text = read_text(value).lower()
    if text not in LOG_LEVELS:
        raise ValueError(f"one of {', '.join(LOG_LEVELS)} was expected")
    return text


def read_endpoint(value: object) -> Endpoint:
    host, _, port = read_text(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if host == "localhost":
        host = "127.0.0.1"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ValueError("HOST:PORT with a port from 1 to 65535 was expected")
    ip_address(host)
    return Endpoint(host, int(port))
