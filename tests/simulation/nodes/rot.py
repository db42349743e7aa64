"""A bit that changes on the disk of a stopped machine, and what its operator does when told."""

import random
import shutil
from pathlib import Path
from typing import Final, Protocol

import trio

from aichain.config import NodeConfig
from aichain.errors import NodeError, StoreCorrupt, WalDamaged, WalForeign
from aichain.store.paths import DataPaths
from tests.simulation.nodes.checkers import Checker
from tests.simulation.nodes.plan import Plan
from tests.simulation.nodes.running import Running

FLIPPED: Final = "bit flipped"
IN_CHAIN: Final = "bit flip in the chain noticed"
IN_LOG: Final = "bit flip in the vote log noticed"
UNNOTICED: Final = "bit flip that changes nothing"
ROT: Final = (FLIPPED, IN_CHAIN, IN_LOG, UNNOTICED)

_NEVER_READ: Final = ("LOCK", "LOG", "LOG.old")
"""Of LevelDB: a lock without contents, and what it tells of its work."""

_READ_WITHIN_S: Final = 10.0


class Machines(Protocol):
    """What `World` has of nodes."""

    plan: Plan
    checker: Checker
    running: dict[int, Running]

    async def start(self, index: int, *, lost_chain: bool = False) -> None: ...
    def config(self, index: int) -> NodeConfig: ...
    def fault(self, kind: str) -> None: ...


async def come_back(machines: Machines, index: int, directory: str) -> None:
    """Change a bit below a directory of a stopped machine, and start it as one who obeys it."""
    paths, lost_chain, noticed = DataPaths(machines.config(index).data_dir), False, UNNOTICED
    rng = random.Random(f"aichain/flips/{machines.plan.seed}/{index}/{trio.current_time()}")
    flip_bit(rng, paths.root / directory)
    machines.fault(FLIPPED)
    while index not in machines.running:
        try:
            await machines.start(index, lost_chain=lost_chain)
        except NodeError as error:
            noticed = obey(error, paths)
            lost_chain = lost_chain or noticed is IN_CHAIN
            if noticed is IN_LOG:
                machines.checker.lanes.on_log_lost(index)
    running = machines.running[index]
    with trio.move_on_after(_READ_WITHIN_S):
        await running.stopped.wait()
        assert running.damage is not None, "nothing else ends it"
        noticed = obey(running.damage, paths)
        await machines.start(index, lost_chain=True)
    machines.fault(noticed)


def flip_bit(rng: random.Random, directory: Path) -> None:
    """Change one bit of one file below it, large or small."""
    files = [
        each
        for each in sorted(directory.rglob("*"))
        if each.is_file() and each.stat().st_size and each.name not in _NEVER_READ
    ]
    path = rng.choice(files)
    with path.open("r+b") as file:
        offset = rng.randrange(path.stat().st_size)
        file.seek(offset)
        [before] = file.read(1)
        file.seek(offset)
        file.write(bytes([before ^ 1 << rng.randrange(8)]))


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
