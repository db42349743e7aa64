"""Opens the index of accounts on a server, whose library not every node has."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from aichain.errors import ConfigError
from aichain.server_url import ServerUrl
from aichain.store.history_index import HistoryIndex
from native.hashing import Hash32
from vm.blocks import Header

_POSTGRES = "aichain.store.postgres"
"""Read where it is used: psycopg takes half a second, and is an extra of the package."""


def open_remote_index(
    url: ServerUrl, chain_id: Hash32, own_header: Callable[[int], Header]
) -> HistoryIndex:
    """As PostgresIndex is made; ConfigError where psycopg is missing."""
    index: HistoryIndex = _module("index").PostgresIndex(url, chain_id, own_header)
    return index


def probe_remote_index(url: ServerUrl) -> tuple[bool, str]:
    """Whether its server answers, and what is there or wrong. ConfigError as above."""
    told: tuple[bool, str] = _module("probe").probe(url)
    return told


def _module(name: str) -> ModuleType:
    try:
        return import_module(f"{_POSTGRES}.{name}")
    except ImportError as error:
        raise ConfigError(
            reason=f"index_url needs the library psycopg, which is not here: {error}",
            fix="pip install 'aichain[postgres]' (in a checkout: pip install -e '.[postgres]')",
        ) from None
