"""One step being taken: the state so far and the effects so far. Lives only inside `step`."""

from dataclasses import dataclass, field, replace

from consensus.core.effects import Effect, Halt, ReportEquivocation, SetTimer, Timer, TimerName
from consensus.core.state import State, ViewState
from consensus.evidence import Evidence


@dataclass(slots=True)
class Turn:
    """The working copy of `step`. The states in it are values, as everywhere."""

    state: State
    now_ms: int
    effects: list[Effect] = field(default_factory=list)

    def emit(self, effect: Effect) -> None:
        """Ask for something, after all that was asked before."""
        self.effects.append(effect)

    def set_view(self, view: int, known: ViewState) -> None:
        """Replace what is known of one view."""
        self.state = self.state.with_view(view, known)

    def set_timer(self, name: TimerName, at_ms: int) -> None:
        """A timer of the current view."""
        self.emit(SetTimer(Timer(name, self.state.epoch, self.state.view), at_ms))

    def accuse(self, view: int, evidence: Evidence) -> None:
        """Report an offender once per view: one is as good as ten."""
        known = self.state.at(view)
        if evidence.offender not in known.reported:
            self.set_view(view, replace(known, reported=known.reported | {evidence.offender}))
            self.emit(ReportEquivocation(evidence, self.state.instance))

    def halt(self, reason: str) -> None:
        """Stop for good: whatever is wrong, voting on would make it worse."""
        self.state = replace(self.state, halted=reason)
        self.emit(Halt(reason))
