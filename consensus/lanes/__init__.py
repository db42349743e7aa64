"""Two lanes for many validators: a committee makes blocks fast, all stake makes them hard."""

from consensus.lanes.effects import LaneEffect
from consensus.lanes.events import LaneEvent
from consensus.lanes.filters import is_wanted, wants_certificate, wants_close, wants_proposal
from consensus.lanes.recovery import initial, restore
from consensus.lanes.state import Lanes, LanesConfig, Status, status_of
from consensus.lanes.step import step

__all__ = [
    "LaneEffect",
    "LaneEvent",
    "Lanes",
    "LanesConfig",
    "Status",
    "initial",
    "is_wanted",
    "restore",
    "status_of",
    "step",
    "wants_certificate",
    "wants_close",
    "wants_proposal",
]
