"""One step being taken: the state so far and the effects so far. Lives only inside `step`."""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from consensus.core.effects import Effect, Halt, ReportEquivocation, SetTimer, Timer, TimerName
from consensus.core.state import State, ViewState, suspects
from consensus.evidence import ConflictingVotes, Evidence, certificates_conflict
from consensus.memory import changed


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
            self.set_view(view, changed(known, reported=known.reported | {evidence.offender}))
            self.emit(ReportEquivocation(evidence, self.state.instance))

    def accuse_voters_of_both(self, certificate: QuorumCertificate) -> None:
        """Who signed this one and one that we hold of its view, or gave us another vote, if they
        exclude each other.

        Of views up to the last final one only its FINAL is left.
        """
        state, view = self.state, certificate.view
        shown = suspects(state.at(view), certificate)
        for signed in certificate.votes() if shown else ():
            if signed.voter_index in shown:
                self.accuse(view, ConflictingVotes(shown[signed.voter_index], signed))
        settled = () if state.final_certificate is None else (state.final_certificate,)
        for held in (*state.at(view).certificates(), *settled):
            for evidence in certificates_conflict(held, certificate):
                self.accuse(view, evidence)

    def halt_at(self, certificate: QuorumCertificate) -> None:
        """Safety is gone: name whom we can before we fall silent."""
        self.accuse_voters_of_both(certificate)
        self.halt("conflicting finality", certificate)

    def halt(self, reason: str, certificate: QuorumCertificate) -> None:
        """Stop for good: whatever is wrong, voting on would make it worse."""
        self.state = changed(self.state, halted=reason)
        self.emit(Halt(reason, certificate))
