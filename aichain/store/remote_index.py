"""Opens the index of accounts on a server, whose library not every node has."""

from collections.abc import Callable
from importlib import import_module

from aichain.errors import ConfigError
from aichain.server_url import ServerUrl
from aichain.store.history_index import HistoryIndex
from native.hashing import Hash32
from vm.blocks import Header

_POSTGRES = "aichain.store.postgres.index"
"""Read where it is used: psycopg takes half a second, and is an extra of the package."""


def open_remote_index(
    url: ServerUrl, chain_id: Hash32, own_header: Callable[[int], Header]
) -> HistoryIndex:
    """As PostgresIndex is made; ConfigError where psycopg is missing."""
    try:
        module = import_module(_POSTGRES)
    except ImportError as error:
        raise ConfigError(
            reason=f"index_url needs the library psycopg, which is not here: {error}",
            fix="pip install 'aichain[postgres]' (in a checkout: pip install -e '.[postgres]')",
        ) from None
    index: HistoryIndex = module.PostgresIndex(url, chain_id, own_header)
    return index
