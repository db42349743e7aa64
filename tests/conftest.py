"""How the tests run: in which order, what waits for the collector, how long an example may take."""

import gc
import sys
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # ships no types

NETWORKS: Final = (
    "tests/e2e/",
    "tests/integration/test_cli_",
    "tests/interop/test_explorer_browser.py",
)
"""Whose tests start networks of processes, or a browser: one at a time, beside the other files."""

LONGEST: Final = (
    "tests/simulation/nodes/test_nodes.py",
    "tests/simulation/nodes/test_lane_nodes.py",
    "tests/simulation/nodes/test_joins.py",
    "tests/simulation/lanes/test_lanes.py",
    "tests/simulation/test_consensus.py",
    "tests/simulation/nodes/test_relays.py",
    "tests/simulation/test_front_door.py",
)
"""Files that one core would be left with at the end, if they did not come first."""

RECURSION_LIMIT: Final = sys.getrecursionlimit()
"""That of a node: web3 brings a library that raises it a hundredfold for all of a process."""

# No property depends on how fast the machine is: an example may take its time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

gc.disable()  # of what importing and collecting the tests makes, nothing is garbage


class FilesAndNetworks(LoadFileScheduling):  # type: ignore[misc]
    """A file runs on one core, and all networks of processes one after the other on another."""

    def _split_scope(self, nodeid: str) -> str:
        return "networks" if nodeid.startswith(NETWORKS) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FilesAndNetworks:
    """In the order of the collection: not the files of most tests first, which are quick ones."""
    config.option.loadscopereorder = False
    return FilesAndNetworks(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Networks and the longest files go first; the rest fills the cores to the end."""
    items.sort(key=lambda item: _turn(item.nodeid))


def _turn(nodeid: str) -> int:
    if nodeid.startswith(NETWORKS):
        return 0
    file = nodeid.split("::", 1)[0]
    return 1 + (LONGEST.index(file) if file in LONGEST else len(LONGEST))


@pytest.hookimpl(tryfirst=True)  # a worker's own loop ends the call
def pytest_runtestloop() -> None:
    """The collector need not look at a hundred thousand nodes of test code again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()
    sys.setrecursionlimit(RECURSION_LIMIT)
