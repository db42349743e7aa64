"""A second LevelDB directory with the same contents, to open: opening one writes into it."""

import os
import shutil
from pathlib import Path
from typing import Final

from aichain.store.durable import fail

_TABLES: Final = (".ldb", ".sst")
_UNNEEDED: Final = ("LOCK", "LOG", "LOG.old")


def copy_for_reading(source: Path, target: Path) -> None:
    """Tables are never written again, so they are linked; what is appended to is copied.

    Nobody may hold `source` open. StoreFailed.
    """
    try:
        target.mkdir(parents=True)
        for path in source.iterdir():
            if path.name in _UNNEEDED:
                continue
            if path.suffix in _TABLES:
                _link(path, target / path.name)
            else:
                shutil.copy2(path, target / path.name)
    except OSError as error:
        fail(target, error)


def _link(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # file systems without hard links
        shutil.copy2(path, copy)
