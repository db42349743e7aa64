"""Every kind of fault there is: a run of many seeds that leaves one out has tested less."""

from collections.abc import Mapping

from tests.simulation.crimes import CRIMES

NETWORK = (
    "message dropped",
    "message duplicated",
    "message delayed and overtaken",
    "message cut off by a partition",
    "message withheld by its sender",
    "partition",
    "COMMIT held back at the edge",
    "PREFER held back at the edge",
    "COMMIT held back",
    "PREFER held back",
    "body withheld",
)
MACHINES = (
    "clock skew",
    "crash",
    "crash of everybody",
    "unsynced certificates lost",
    "wiped disk",
    "database lost, log kept",
)
MEMBERS = (
    "twins",
    "more evil than liveness allows, until healing",
    "weights change at the edge",
)


def every_fault() -> tuple[str, ...]:
    """The names of the table's rows."""
    return (*NETWORK, *MACHINES, *MEMBERS, *CRIMES)


def missing_faults(counted: Mapping[str, int]) -> list[str]:
    """What was never injected."""
    return [kind for kind in every_fault() if not counted.get(kind)]
