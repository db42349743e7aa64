"""What must hold in every run of two lanes, checked as it happens."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from consensus.certificates import QuorumCertificate
from consensus.instance import BlockRef, Instance
from consensus.lanes.accusations import Accusation, check_accusation
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.records import TermClosed
from consensus.lanes.state import Lanes
from consensus.quorum import reaches_quorum
from consensus.records import ProposalCast, VoteCast
from consensus.votes import Lane, VotePhase
from genesis.limits import CHECKPOINTS_KNOWN_MAX, CORE_BLOCKS_MAX, TERM_CERTIFICATES_MAX
from native.hashing import Hash32
from tests.builders_consensus import GENESIS, GENESIS_HASH
from tests.simulation.lanes.aftermath import Aftermath
from tests.simulation.lanes.scenario import BAD_SEATS, Scenario


class Violation(Exception):
    """An invariant does not hold."""


class Punctuality(Protocol):
    """Until when messages were, or are, on their way for more than the escape time."""

    late_until: int


@dataclass(frozen=True)
class Reversal:
    """A block that a node showed as fast and had to take back."""

    member: int
    term: int
    decided: int
    bad_seats: int
    late: bool


@dataclass
class Checker:
    """Sees all that honest nodes do, and remembers across their crashes."""

    scenario: Scenario
    faults: Counter[str]
    links: Punctuality
    decided: dict[int, Checkpoint] = field(default_factory=dict)
    blocks: dict[int, Hash32] = field(default_factory=lambda: {0: GENESIS.id})
    signed: dict[tuple[int, Hash32, int], dict[VotePhase | None, Hash32]] = field(
        default_factory=dict
    )
    closed: dict[tuple[int, Hash32], TermClosed] = field(default_factory=dict)
    committed: dict[tuple[int, Hash32], int] = field(default_factory=dict)
    reversals: list[Reversal] = field(default_factory=list)
    instances: dict[Hash32, tuple[Lane, int, Instance]] = field(default_factory=dict)
    restarts: int = 0
    fast_blocks: int = 0
    decided_at: dict[int, int] = field(default_factory=lambda: {0: 0})
    aftermath: Aftermath = field(init=False)

    def __post_init__(self) -> None:
        self.aftermath = Aftermath(self.scenario)

    def on_vote(self, member: int, record: VoteCast | ProposalCast) -> None:
        """No honest member signs a slashable pair, nor anything in a term it has closed."""
        phase: VotePhase | None
        match record:
            case VoteCast(vote):
                name, view, phase, subject = vote.instance_id, vote.view, vote.phase, vote.block_id
            case ProposalCast(proposal):
                name, view, phase = proposal.instance_id, proposal.view, None
                subject = proposal.block.id
        held = self.signed.setdefault((member, name, view), {})
        is_new = phase not in held
        if held.setdefault(phase, subject) != subject:
            raise Violation("equivocation", f"member {member} signed twice: {record}")
        if VotePhase.COMMIT in held and VotePhase.CANCEL in held:
            raise Violation("equivocation", f"member {member} gave COMMIT and CANCEL: {record}")
        if is_new and (member, name) in self.closed:
            raise Violation("closed term", f"member {member} signs in it: {record}")
        if phase is VotePhase.COMMIT:
            self.committed[member, name] = max(view, self.committed.get((member, name), 0))

    def on_close(self, member: int, record: TermClosed) -> None:
        """One CLOSE a term, and never below an own COMMIT."""
        if self.closed.setdefault((member, record.instance_id), record) != record:
            raise Violation("second CLOSE", f"member {member}: {record}")
        if self.committed.get((member, record.instance_id), 0) > record.tip_view:
            raise Violation("CLOSE below COMMIT", f"member {member}: {record}")

    def on_hard(
        self,
        member: int,
        checkpoint: Checkpoint,
        certificate: QuorumCertificate,
        blocks: tuple[BlockRef, ...],
        now: int,
    ) -> None:
        """Hard prefixes never fork, and rest on COMMITs of 69 % of the stake of their epoch."""
        known = self.decided.setdefault(checkpoint.number, checkpoint)
        if known.block_id != checkpoint.block_id:
            self._on_fork(f"member {member}: {checkpoint} against {known}")
        epoch = (checkpoint.block_height - len(blocks)) // self.scenario.epoch_blocks
        self._check_certificate(member, checkpoint, certificate, epoch)
        for block in blocks:
            if self.blocks.setdefault(block.height, block.id) != block.id:
                self._on_fork(f"member {member}: {block}")
            follows = self.blocks[block.height - 1] == block.parent_id or self.aftermath.is_forked
            if not follows or block.epoch != epoch:
                raise Violation("chain", f"member {member}: {block}")
        if checkpoint.number not in self.decided_at:
            self.decided_at[checkpoint.number] = now
            self.restarts += checkpoint.is_restart

    def on_halt(self, member: int, reason: str, now: int) -> None:
        """Only where more are evil than safety bears may anybody have to stop."""
        if not self.scenario.halves:
            raise Violation("halt", f"member {member}: {reason}")
        self.faults["(halt)"] += 1
        self.aftermath.halted_at.setdefault(member, now)

    def _on_fork(self, what: str) -> None:
        if not self.scenario.halves:
            raise Violation("HARD FORK", what)
        self.faults["(fork)"] += not self.aftermath.is_forked
        self.aftermath.is_forked = True

    def on_end(self, heal_ms: int) -> None:
        """A fork is noticed by all, and they can name 38 % of the stake."""
        instances = {name: instance for name, (_, _, instance) in self.instances.items()}
        for fault in self.aftermath.faults(instances, heal_ms):
            raise Violation("fork", fault)

    def _check_certificate(
        self, member: int, checkpoint: Checkpoint, certificate: QuorumCertificate, epoch: int
    ) -> None:
        """Of this ballot, and nobody honest is named who did not sign it."""
        voters = self.scenario.voters(epoch).electorate
        weight = sum(voters.weights[index] for index in certificate.voter_indices)
        lane, number, instance = self.instances[certificate.instance_id]
        place = (Lane.HARD, checkpoint.number, epoch, checkpoint.parent_id)
        if (
            (lane, number, instance.epoch, instance.start.id) != place
            or certificate.phase is not VotePhase.COMMIT
            or certificate.block_id != checkpoint.id
            or not reaches_quorum(weight, voters.total)
        ):
            raise Violation("certificate", f"member {member}: {certificate}")
        for index in certificate.voter_indices:
            voter = self.scenario.number_of[voters.members[index]]
            key = (voter, certificate.instance_id, certificate.view)
            said = self.signed.get(key, {}).get(VotePhase.COMMIT)
            if voter not in self.scenario.byzantine and said != checkpoint.id:
                raise Violation("certificate", f"member {member}: {voter} did not sign it")

    def on_rollback(self, member: int, number: int, terms: tuple[int, ...]) -> None:
        """Fast may be wrong only with a bad committee, or delays beyond what we promise.

        `terms` are those of the lost blocks; what follows from the first loss is lost with it.
        """
        committee = next(
            instance.electorate
            for lane, known, instance in self.instances.values()
            if lane is Lane.FAST and known == number
        )
        bad = self.scenario.bad_weight(committee)
        late = self.links.late_until > self.decided_at.get(number - 1, 0)
        self.reversals += [Reversal(member, term, number, bad, late) for term in terms]
        if max(terms) > number + 1:
            raise Violation("deep rollback", f"member {member}: {terms} at {number}")
        if bad < BAD_SEATS and not late:
            raise Violation("FAST reversed", f"member {member}: {terms}, {bad} bad seats")

    def on_accusation(self, member: int, accusation: Accusation) -> None:
        """Nobody honest is ever accused, and every accusation stands on its own."""
        self.faults["(accusation)"] += 1
        for lane, number, instance in self.instances.values():
            place = (instance.epoch, number, instance.start.id)
            if lane is not accusation.lane or place != (
                accusation.epoch,
                accusation.term,
                accusation.start_id,
            ):
                continue
            voters = instance.electorate
            check_accusation(accusation, voters, GENESIS_HASH)
            accused = self.scenario.number_of[voters.members[accusation.offender]]
            if accused not in self.scenario.byzantine:
                raise Violation("false accusation", f"member {member} accuses {accused}")
            return
        raise Violation("accusation", f"member {member}: of no instance")

    def on_step(self, member: int, state: Lanes) -> None:
        """Bounded memory, and never a third term."""
        if len(state.terms) > 2 or len(state.tree.blocks) > CORE_BLOCKS_MAX:
            raise Violation("bounds", f"member {member}: {len(state.terms)} terms")
        if len(state.ballot.checkpoints) > CHECKPOINTS_KNOWN_MAX:
            raise Violation("bounds", f"member {member}: too many checkpoints")
        if any(len(term.pending) > TERM_CERTIFICATES_MAX for term in state.terms):
            raise Violation("bounds", f"member {member}: too many certificates")
