"""Makes the databases of a home as small as their contents."""

from pathlib import Path

from aichain.errors import HomeMissing
from aichain.recovery import ledger_exists
from aichain.store import keys
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from aichain.upkeep.progress import Progress

_STATE = (
    keys.ANCHOR,
    keys.BLOCK,
    keys.CERTIFICATE,
    keys.DECISION,
    keys.HEIGHT,
    keys.NODE,
    keys.RECEIPTS,
    keys.STATE,
)
_WHOLE = (b"",)


def compact_home(root: Path, progress: Progress) -> None:
    """The state database kind by kind, then the indexes. Blocking.

    HomeMissing, HomeLocked, StoreFailed, StoreCorrupt.
    """
    paths = DataPaths(root)
    if not ledger_exists(root):
        raise HomeMissing(path=str(paths.chain))
    lock = paths.lock()
    try:
        wanted = {paths.state: _STATE, paths.index: _WHOLE, paths.accounts: _WHOLE}
        there = {path: prefixes for path, prefixes in wanted.items() if path.is_dir()}
        total, done = sum(map(len, there.values())), 0
        for path, prefixes in there.items():
            database = LevelStore(path)
            try:
                for prefix in prefixes:
                    database.compact(prefix)
                    done += 1
                    progress(done, total)
            finally:
                database.close()
    finally:
        lock.release()
