"""All the lanes remember: frozen values, bounded, replaced and never changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from consensus.certificates import QuorumCertificate
from consensus.core import CoreConfig
from consensus.core.effects import BuildBlock
from consensus.core.state import State as CoreState
from consensus.instance import BlockRef, Instance
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import SignedClose, seats_closed
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, CommitteeClosed, WaitedOut
from consensus.lanes.records import LaneRecord, TermClosed
from consensus.lanes.tree import Tree
from consensus.lanes.voters import EpochVoters
from consensus.memory import Memory, changed, field
from consensus.quorum import quorum_weight
from consensus.votes import VotePhase
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class LanesConfig:
    """What does not change while a node runs."""

    core: CoreConfig
    escape_ms: int


class Cause(Enum):
    """Why we closed a term."""

    STALL = "no new final block for the escape time"
    AGE = "the term is too old"
    CONFLICT = "the committee made conflicting or invalid blocks final"
    CONTAGION = "so many seats closed that no quorum is left"
    RESTART = "a valid proof that a quorum of seats closed"
    RESTORED = "our log says so"


class Closed(Memory, frozen=True):
    """We sign nothing more in this term."""

    at_ms: int
    cause: Cause
    record: TermClosed
    notar: QuorumCertificate | None
    said_ms: int


@dataclass(frozen=True, slots=True)
class Tip:
    """The highest-view NOTAR whose block is executed here; view 0: the start of the term."""

    view: int
    block_id: Hash32
    notar: QuorumCertificate | None


class Term(Memory, frozen=True):
    """One instance of the fast lane, as we see it."""

    number: int
    core: CoreState
    tip: Tip
    began_ms: int
    last_final_ms: int
    boundary: QuorumCertificate | None = None
    """A FINAL of the last block, executed: the term has ended."""
    finals: tuple[QuorumCertificate, ...] = ()
    """The highest executed FINAL, and one that contradicts it, if there is one."""
    pending: Mapping[tuple[Hash32, VotePhase], QuorumCertificate] = field(default_factory=dict)
    """Certificates of blocks not executed here, oldest first."""
    closes: Mapping[int, SignedClose] = field(default_factory=dict)
    closed: Closed | None = None
    frozen: Tip | None = None
    """Our tip, as far as rule (c) asks for it: from the escape time after CLOSED it never rises."""
    fast: tuple[BlockRef, ...] = ()
    accused: frozenset[int] = frozenset()

    @property
    def instance(self) -> Instance:
        """Committee, start and heights."""
        return self.core.instance

    @property
    def seats_closed(self) -> int:
        """The seats whose CLOSE we hold."""
        return seats_closed(self.closes.values(), self.instance.electorate)

    @property
    def is_open(self) -> bool:
        """We may still sign in it: neither closed nor ended."""
        return self.closed is None and self.boundary is None


class Proofs(Memory, frozen=True):
    """The valid proofs held for one checkpoint, one of each kind."""

    boundary: BoundaryFinal | None = None
    closes: CommitteeClosed | None = None
    waited: WaitedOut | None = None

    def with_proof(self, proof: CheckpointProof) -> "Proofs":
        """One more; of two waits the one with the higher view."""
        match proof:
            case BoundaryFinal():
                return changed(self, boundary=proof)
            case CommitteeClosed():
                return changed(self, closes=proof)
            case WaitedOut():
                held = self.waited
                return self if held and held.view >= proof.view else changed(self, waited=proof)

    @property
    def best(self) -> CheckpointProof | None:
        """The one to send along."""
        return self.boundary or self.closes or self.waited


class Ballot(Memory, frozen=True):
    """The hard lane's instance on the next checkpoint. Unarmed, it listens and has no timers."""

    core: CoreState
    armed: bool = False
    checkpoints: Mapping[Hash32, Checkpoint] = field(default_factory=dict)
    proofs: Mapping[Hash32, Proofs] = field(default_factory=dict)
    notarized: frozenset[Hash32] = frozenset()
    asked: BuildBlock | None = None
    objected_view: int = 0
    """The view in which we last showed the others our higher tip."""

    @property
    def instance(self) -> Instance:
        """All stake, on one height."""
        return self.core.instance


class Lanes(Memory, frozen=True):
    """The memory of a node: the last checkpoint, the ballot on the next, and at most two terms."""

    config: LanesConfig
    epochs: Mapping[int, EpochVoters]
    checkpoint: Checkpoint
    decision: QuorumCertificate | None
    tree: Tree
    ballot: Ballot
    terms: tuple[Term, ...] = ()
    """The term of the next checkpoint, and perhaps the one after it, which builds on its end."""
    records: tuple[LaneRecord, ...] = ()
    """From the log, for instances that have not begun yet."""
    abstain: bool = False
    started: bool = False
    halted: str | None = None
    hard_ms: int = 0
    tick_ms: int = 0
    wake_ms: int = 0
    wanted: frozenset[Hash32] = frozenset()

    @property
    def number(self) -> int:
        """The checkpoint to be decided next."""
        return self.checkpoint.number + 1

    @property
    def hard(self) -> BlockRef:
        """The last block that can never change."""
        return self.tree.root

    def term(self, number: int) -> Term | None:
        """What we know of a term: the undecided one, or the one after it."""
        at = number - self.number
        return self.terms[at] if 0 <= at < len(self.terms) else None

    def with_term(self, term: Term) -> "Lanes":
        """One term replaced."""
        at = term.number - self.number
        terms = self.terms
        return changed(self, terms=(*terms[:at], term, *terms[at + 1 :]))

    def instances(self) -> tuple[Hash32, ...]:
        """The instances that live; records of all others may leave the log."""
        return (self.ballot.instance.id, *(term.instance.id for term in self.terms))


class Status(Enum):
    """What a user may rely on."""

    PROPOSED = "proposed"
    FAST = "fast"
    HARD = "hard"


def status_of(state: Lanes, block: BlockRef) -> Status:
    """The status of an executed block: FAST is for display, credit only on HARD.

    FAST ends when so many seats have closed that the committee is dead, or when it contradicted
    itself, though most such blocks become hard a little later.
    """
    if block.height <= state.hard.height:
        return Status.HARD
    for term in state.terms:
        dead = term.closed is not None or len(term.finals) > 1
        if not dead and block in term.fast and term.seats_closed < closing_seats(term):
            return Status.FAST
    return Status.PROPOSED


def closing_seats(term: Term) -> int:
    """So many seats in CLOSE, and the others are no quorum any more."""
    total = term.instance.electorate.total
    return total - quorum_weight(total) + 1
