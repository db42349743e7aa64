"""Every kind of fault there is: a run of many seeds that leaves one out has tested less."""

from tests.simulation.accidents import FOREIGN_LOG
from tests.simulation.adversary import CRIMES
from tests.simulation.log_disk import LogFault
from tests.simulation.scenario import Loss

NETWORK = (
    "message dropped",
    "message duplicated",
    "message delayed and overtaken",
    "message cut off by a partition",
    "message lost on a one-way link",
    "message of a slow node",
    "message withheld by its sender",
    "partition",
    "COMMIT held back at the edge",
    "PREFER held back at the edge",
    "COMMIT held back",
    "PREFER held back",
    "body withheld",
    "body too big",
    "wrong body served",
)
MACHINES = (
    "clock skew",
    "clock far off",
    "crash",
    "power failure",
    "crash of everybody",
    "slow disk",
    *(fault.value for fault in LogFault),
    "unsynced write of the log torn",
    "unsynced write of the log lost",
    FOREIGN_LOG,
    *(loss.value for loss in Loss),
)
MEMBERS = (
    "twins",
    "more evil than liveness allows, until healing",
    "weights change at the edge",
)
PASSED = (
    "(probation ends at once)",
    "(probation ends on a living chain)",
    "(log rewritten)",
    "(honest re-proposal at the edge)",
    "(evidence found)",
)
"""No faults, but places in the code that a run must have seen."""


def every_fault() -> tuple[str, ...]:
    """The names of the table's rows."""
    return (*NETWORK, *MACHINES, *MEMBERS, *CRIMES, *PASSED)
