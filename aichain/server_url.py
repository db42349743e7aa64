"""The address of a database server: whoever sees it shown does not see the password in it."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCHEMES: Final = ("postgresql", "postgres")
SERVER_URL_MAX_CHARS: Final = 2_048
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._%-]*)(:[0-9]{1,5})?", re.ASCII)
_HIDDEN: Final = "***"
_SHOWN: Final = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "application_name"}
)
"""Parameters of libpq that hold no secret; the values of all others are hidden."""


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A connection URI of libpq, `text` with all of it; as a str it has no password.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _is_plain(self.text):
            raise ValueError(
                "an address such as postgresql://USER@HOST/DATABASE was expected, with %40 for an "
                "@ in a password, %2F for a slash, and so on"
            )

    def __str__(self) -> str:
        parts = urlsplit(self.text)
        credentials, at, hosts = parts.netloc.rpartition("@")
        user, colon, _ = credentials.partition(":")
        shown = f"{parts.scheme}://{user}{(colon and ':' + _HIDDEN)}{at}{hosts}{parts.path}"
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = "&".join(
            f"{quote(name)}={quote(value, safe='/') if name in _SHOWN else _HIDDEN}"
            for name, value in pairs
        )
        return f"{shown}?{query}" if query else shown

    @property
    def has_secret(self) -> bool:
        """Whether something in it is not shown."""
        return _HIDDEN in str(self)


def read_server_url(value: object) -> ServerUrl:
    """Raises ValueError, which does not say what was given."""
    if isinstance(value, ServerUrl):
        return value
    return ServerUrl(value if isinstance(value, str) else "")


def hide_password(text: str) -> str:
    """An argument of a command line as it may be shown: addresses without their passwords."""
    before, equals, url = text.partition("=") if text.startswith("--") else ("", "", text)
    if not url.startswith(tuple(f"{scheme}:" for scheme in SCHEMES)):
        return text
    try:
        return before + equals + str(ServerUrl(url))
    except ValueError:
        return before + equals + _HIDDEN


def _is_plain(text: str) -> bool:
    """What urlsplit and libpq take apart in the same way, so that nothing secret is shown."""
    if not (text.isascii() and text.isprintable() and len(text) <= SERVER_URL_MAX_CHARS):
        return False
    if " " in text or "#" in text or "\\" in text or text.count("@") > 1:
        return False
    scheme, slashes, rest = text.partition("://")
    if scheme not in SCHEMES or not slashes:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2]
    if "@" in rest and "@" not in parts.netloc:
        return False
    return all(_HOST.fullmatch(each) for each in hosts.split(",")) and "\0" not in unquote(text)
