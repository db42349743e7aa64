"""The file of webhooks: where a node posts what becomes final, with which secret, and of what."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from aichain.config_values import is_http_url
from aichain.errors import ConfigError
from aichain.regular_file import read_regular
from genesis.errors import InvalidAddress
from genesis.limits import WEBHOOK_ADDRESSES_MAX, WEBHOOK_FILE_MAX_BYTES, WEBHOOKS_MAX
from genesis.units import Address, parse_address
from vm.receipts import EventKind

T = TypeVar("T")

SECRET_BYTES: Final = range(32, 1_025)
EVERYTHING: Final = "*"
MEMBERS: Final = ("name", "url", "secret_file", "blocks", "addresses", "events")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. With nothing wanted there would be no reason for it, so something is."""

    name: str
    """Of metrics, of the file that remembers how far it is, and in each delivery."""
    url: str = field(repr=False)
    """Its path is often a secret."""
    secret: bytes = field(repr=False)
    blocks: bool = False
    addresses: tuple[Address, ...] = ()
    events: frozenset[EventKind] = frozenset()


def read_webhooks(path: Path) -> tuple[Webhook, ...]:
    """The webhooks that a file names; ConfigError says which one is wrong, and in what."""
    try:
        raw, _ = read_regular(path, WEBHOOK_FILE_MAX_BYTES)
        table = tomllib.loads(raw[: WEBHOOK_FILE_MAX_BYTES + 1].decode())
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, f"it is not TOML: {error}") from None
    rows = table.get("webhook")
    if len(raw) > WEBHOOK_FILE_MAX_BYTES or set(table) != {"webhook"} or not isinstance(rows, list):
        raise _wrong(path, "it holds [[webhook]] tables and nothing else")
    if not 0 < len(rows) <= WEBHOOKS_MAX:
        raise _wrong(path, f"{len(rows)} webhooks, and {WEBHOOKS_MAX} are the most")
    hooks = tuple(_webhook(path, number, row) for number, row in enumerate(rows, 1))
    if len({each.name for each in hooks}) < len(hooks):
        raise _wrong(path, "two webhooks have one name")
    return hooks


def _webhook(path: Path, number: int, row: Mapping[str, object]) -> Webhook:
    where = f"webhook {number}"
    for unknown in set(row) - set(MEMBERS):
        raise _wrong(path, f"{where}: unknown {unknown}; known are {', '.join(MEMBERS)}")
    name, url = row.get("name"), row.get("url")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise _wrong(path, f"{where}: name is 1 to 32 of a-z, 0-9, - and _")
    if not isinstance(url, str) or not is_http_url(url):
        raise _wrong(path, f"{where}: url is an address such as https://HOST/PATH")
    blocks = row.get("blocks", False)
    if not isinstance(blocks, bool):
        raise _wrong(path, f"{where}: blocks is true or false")
    addresses = tuple(_address(path, where, each) for each in _texts(path, where, row, "addresses"))
    if len(addresses) > WEBHOOK_ADDRESSES_MAX:
        raise _wrong(path, f"{where}: {WEBHOOK_ADDRESSES_MAX} addresses are the most")
    events = _events(path, where, _texts(path, where, row, "events"))
    if not (blocks or addresses or events):
        raise _wrong(path, f"{where}: it wants neither blocks nor addresses nor events")
    secret = _secret(path, where, row.get("secret_file"))
    return Webhook(name, url, secret, blocks, tuple(dict.fromkeys(addresses)), events)


def _texts(path: Path, where: str, row: Mapping[str, object], name: str) -> list[str]:
    value = row.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(path, f"{where}: {name} is a list of texts")
    return value


def _address(path: Path, where: str, text: str) -> Address:
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise _wrong(path, f"{where}: {text[:80]!r}: {error}") from None


def _events(path: Path, where: str, names: list[str]) -> frozenset[EventKind]:
    known = {kind.name.lower(): kind for kind in EventKind}
    for name in names:
        if name != EVERYTHING and name not in known:
            raise _wrong(path, f"{where}: event {name[:80]!r} is none of {', '.join(known)}")
    return frozenset(EventKind if EVERYTHING in names else (known[name] for name in names))


def _secret(path: Path, where: str, name: object) -> bytes:
    """A file of its own, beside this one: this one may be shown to others."""
    if not isinstance(name, str) or not name:
        raise _wrong(path, f"{where}: secret_file is the path of its secret")
    file = path.parent / Path(name).expanduser()
    try:
        content, mode = read_regular(file, SECRET_BYTES.stop)
    except OSError as error:
        raise _wrong(path, f"{where}: {file}: {error.strerror}") from None
    if mode & _OTHERS:
        raise ConfigError(reason=f"{file} can be read by others", fix=f"chmod 600 {file}")
    secret = content.strip()
    if len(secret) not in SECRET_BYTES:
        raise ConfigError(
            reason=f"{file} holds {len(secret)} bytes; a secret has {SECRET_BYTES.start} to "
            f"{SECRET_BYTES.stop - 1}",
            fix=f"openssl rand -hex 32 > {file}",
        )
    return secret


def _wrong(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        reason=f"{path}: {reason}", fix="correct that; aichain/rpc/README.md shows such a file"
    )
