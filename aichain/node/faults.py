"""What is wrong with a node on purpose, by its settings or told over RPC: test networks only."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from aichain.clock import OffsetClock
from aichain.config import Faults
from aichain.machine import Machine
from aichain.store.failpoints import CrashPoint, FailPoints, slowly
from aichain.store.log_file import DiskFile, LogFile, SlowFile
from genesis.document import GenesisDocument
from native.node_keys import peer_id_text
from p2p.network import Network, no_delay
from p2p.regions import delays_between


def place_in_regions(network: Network, document: GenesisDocument, *, on: bool) -> None:
    """Peers are as far away as their regions; each end delays what it hears, so both have to."""
    founders = [peer_id_text(founder.peer_id) for founder in document.validators]
    network.set_delays(delays_between(network.peer_id, founders) if on else no_delay)


def machine_of(faults: Faults) -> Machine:
    """The real one, with a clock that is wrong where that was asked for."""
    offset_ms = faults.clock_offset_ms
    return Machine(OffsetClock(offset_ms)) if offset_ms else Machine()


def crash_points_of(faults: Faults) -> CrashPoint:
    """Where the chain's writer may die, and waits for a slow disk."""
    points, delay_ms = FailPoints.from_environment(), faults.fsync_delay_ms
    return slowly(points, delay_ms / 1000) if delay_ms else points


def log_file_of(faults: Faults) -> Callable[[Path], LogFile]:
    """What lies under the vote log."""
    delay_ms = faults.fsync_delay_ms
    return partial(SlowFile, sync_delay_s=delay_ms / 1000) if delay_ms else DiskFile
