"""Databases that are rebuilt from the blocks: one that cannot be read is as good as none."""

import shutil
from pathlib import Path
from typing import Final

from aichain.errors import StoreCorrupt
from aichain.store.leveldb import LevelSettings, LevelStore

_CURRENT: Final = "CURRENT"
"""Without this file LevelDB opens nothing."""


def open_or_start_over(path: Path, settings: LevelSettings) -> LevelStore:
    """The database that lies there, or an empty one in its place."""
    try:
        return LevelStore(path, settings, create=not path.is_dir())
    except StoreCorrupt:
        return start_over(path, settings)


def start_over(path: Path, settings: LevelSettings) -> LevelStore:
    """An empty one; who holds the old one has closed it."""
    shutil.rmtree(path)
    return LevelStore(path, settings, create=True)


def make_unreadable(path: Path) -> None:
    """What is damaged is seen when it is read, maybe not when it is opened: the next start must
    find no database here."""
    (path / _CURRENT).unlink(missing_ok=True)
