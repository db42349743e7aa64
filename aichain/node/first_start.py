"""Block 0 is made in a home that never had a chain: a chain that is not where it was is lost."""

from pathlib import Path

from aichain.config import NodeConfig
from aichain.errors import ConfigError, HomeMissing
from aichain.homes import data_directory
from aichain.node.first_log import FIRST_LOG_BYTES
from aichain.store.durable import fail, replace_file
from aichain.store.paths import DataPaths

MARK_NAME = "had-a-chain"
"""Lies in the home and not beside the chain: what it tells of may have been on another disk."""


def require_first_start(config: NodeConfig) -> None:
    """Refuse to make block 0 where a chain was before, unless the operator says that it is gone.

    Raises HomeMissing.
    """
    signs = signs_of_a_chain(config.home)
    if signs and not config.sync_again:
        raise HomeMissing(
            path=str(DataPaths(config.data_dir).chain),
            reason=f"a chain was here before: {', '.join(map(str, signs))}",
        )


def require_something_to_sync_again(config: NodeConfig) -> None:
    """Refuse the flag where a chain is: left in a service file it would act unseen later.

    Raises ConfigError.
    """
    if config.sync_again:
        raise ConfigError(
            reason=f"there is a chain at {DataPaths(config.data_dir).chain}",
            fix="start it without --sync-again, or move that directory away first",
        )


def signs_of_a_chain(home: Path) -> list[Path]:
    """What only a node that ran leaves in its home; keys and a configuration are no signs."""
    paths = DataPaths(data_directory(home))
    signs = [each for each in sorted(paths.signer.glob("*.wal")) if _holds_votes(each)]
    return signs + [each for each in (paths.index, home / MARK_NAME) if each.exists()]


def _holds_votes(log: Path) -> bool:
    """So does one that is linked to and not there: its disk may be missing. StoreFailed."""
    try:
        return log.stat().st_size > FIRST_LOG_BYTES
    except FileNotFoundError:
        return True
    except OSError as error:
        fail(log, error)


def mark_home(config: NodeConfig) -> None:
    """Remember that this home has a chain. Raises StoreFailed."""
    mark = config.home / MARK_NAME
    if not mark.exists():
        text = f"A chain of genesis 0x{config.document.hash.hex()} was made in this home.\n"
        replace_file(mark, text.encode())
