"""One step of the lanes being taken: the state so far and the effects so far."""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from consensus.core.effects import PersistCertificate
from consensus.evidence import Evidence
from consensus.lanes.accusations import Accusation, BrokenClose
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.effects import Accuse, Halt, InInstance, LaneEffect
from consensus.lanes.state import Ballot, Lanes, Term
from consensus.memory import changed
from consensus.votes import Lane, VotePhase
from native.hashing import Hash32


@dataclass(slots=True)
class LaneTurn:
    """The working copy of `step`. The states in it are values, as everywhere."""

    state: Lanes
    now_ms: int
    effects: list[LaneEffect] = field(default_factory=list)
    logged: set[tuple[Hash32, VotePhase, int, Hash32]] = field(default_factory=set)
    decided: tuple[Checkpoint, QuorumCertificate] | None = None

    def emit(self, effect: LaneEffect) -> None:
        """Ask for something, after all that was asked before."""
        self.effects.append(effect)

    def put(self, term: Term) -> Term:
        """Replace what we know of one term."""
        self.state = self.state.with_term(term)
        return term

    def put_ballot(self, ballot: Ballot) -> Ballot:
        """Replace what we know of the ballot."""
        self.state = changed(self.state, ballot=ballot)
        return ballot

    def term(self, number: int) -> Term:
        """A term that lives."""
        term = self.state.term(number)
        assert term is not None, "a term that is over"
        return term

    def log(self, certificate: QuorumCertificate) -> None:
        """R8: into the log once, before the votes that rest on it."""
        held = certificate
        subject = (held.instance_id, held.phase, held.view, held.block_id)
        if subject not in self.logged:
            self.logged.add(subject)
            self.emit(InInstance(held.instance_id, PersistCertificate(held)))

    def accuse(self, lane: Lane, number: int, evidence: Evidence | BrokenClose) -> None:
        """Report an offender once a term."""
        if lane is Lane.FAST:
            term = self.term(number)
            if evidence.offender in term.accused:
                return
            self.put(changed(term, accused=term.accused | {evidence.offender}))
            instance = term.instance
        else:
            instance = self.state.ballot.instance
        place = (lane, instance.epoch, number, instance.start.id)
        self.emit(Accuse(Accusation(*place, evidence)))

    def halt(self, reason: str, certificate: QuorumCertificate | None) -> None:
        """Stop for good: the hard lane is wrong, or we are."""
        self.state = changed(self.state, halted=reason)
        self.emit(Halt(reason, certificate))
