"""A bit that changes on the disk of a stopped machine, and what its operator does when told."""

import random
import shutil
from pathlib import Path
from typing import Final

from aichain.errors import NodeError, StoreCorrupt, WalDamaged, WalForeign
from aichain.store.paths import DataPaths

FLIPPED: Final = "bit flipped"
IN_CHAIN: Final = "bit flip in the chain noticed"
IN_LOG: Final = "bit flip in the vote log noticed"
UNNOTICED: Final = "bit flip that changes nothing"
ROT: Final = (FLIPPED, IN_CHAIN, IN_LOG, UNNOTICED)

_NEVER_READ: Final = ("LOCK", "LOG", "LOG.old")
"""Of LevelDB: a lock without contents, and what it tells of its work."""


def flip_bit(rng: random.Random, root: Path) -> Path | None:
    """Change one bit of one file of a data directory, large or small; which, if there is any."""
    files = [
        each
        for each in sorted(root.rglob("*"))
        if each.is_file() and each.stat().st_size and each.name not in _NEVER_READ
    ]
    if not files:
        return None
    path = rng.choice(files)
    with path.open("r+b") as file:
        offset = rng.randrange(path.stat().st_size)
        file.seek(offset)
        [before] = file.read(1)
        file.seek(offset)
        file.write(bytes([before ^ 1 << rng.randrange(8)]))
    return path


def obey(error: NodeError, paths: DataPaths) -> str:
    """What the error's own fix says; what it was about. Any other error is the node's fault."""
    match error:
        case WalDamaged(path=path) | WalForeign(path=path):
            Path(path).rename(Path(path).with_suffix(".damaged"))
            return IN_LOG
        case StoreCorrupt():
            shutil.rmtree(paths.chain)
            return IN_CHAIN
        case _:
            raise error
