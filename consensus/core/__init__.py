"""The consensus core: `step(state, event) -> (state, effects)`, a pure function."""

from consensus.core.effects import Effect
from consensus.core.events import Event
from consensus.core.filters import is_wanted, wants_certificate, wants_proposal
from consensus.core.recovery import restore
from consensus.core.state import CoreConfig, State, initial
from consensus.core.step import step

__all__ = [
    "CoreConfig",
    "Effect",
    "Event",
    "State",
    "initial",
    "is_wanted",
    "restore",
    "step",
    "wants_certificate",
    "wants_proposal",
]
