"""What must hold in every run, checked as it happens: agreement, honesty, validity, bounds."""

from collections import Counter
from collections.abc import Container, Mapping
from fractions import Fraction
from typing import Protocol

from consensus.core import Event, State
from consensus.core.effects import Finalize
from consensus.core.events import ProposalAccepted
from consensus.errors import InvalidEvidence
from consensus.evidence import Evidence, check_evidence
from consensus.instance import BlockRef, Instance
from consensus.quorum import reaches_quorum
from consensus.votes import VOTE_CONTEXT, SignedVote, VotePhase
from genesis.epochs import epoch_of_height
from genesis.limits import (
    CORE_BLOCKS_MAX,
    PROPOSALS_PER_VIEW_MAX,
    VIEWS_AHEAD_MAX,
    VIEWS_BEHIND_MAX,
)
from genesis.units import Address
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.simulation.inquest import Inquest
from tests.simulation.messages import Body, Flaw
from tests.simulation.offences import overlooked
from tests.simulation.scenario import Scenario
from tests.simulation.signatures import Signed, read_signed

QUORUM = Fraction(69, 100)
ACCOUNTABLE_PERCENT = 38


class Violation(Exception):
    """An invariant does not hold."""


class Facts(Protocol):
    """What the world knows better than any node."""

    scenario: Scenario
    now: int
    faults: Counter[str]

    @property
    def bodies(self) -> Mapping[Hash32, Body]: ...
    def verifies(
        self, member: Address, message: bytes, context: bytes, signature: bytes
    ) -> bool: ...


class Checker:
    """Sees all that honest nodes do, and remembers across their crashes."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._final: dict[int, BlockRef] = {0: GENESIS}
        self._signed: dict[tuple[int, Hash32, int], dict[VotePhase | None, Signed]] = {}
        self._accused: set[tuple[str, Hash32, int, int]] = set()
        self.instances: dict[int, Instance] = {}
        self.inquest = Inquest()
        self._named: dict[Hash32, Instance] = {}
        self.guilty: dict[int, set[int]] = {}
        """By epoch, whom honest members have accused."""
        self.halted: list[str] = []
        self._halted_members: set[int] = set()
        self._accused_again: set[int] = set()
        self._windows: dict[int, tuple[int, int, int]] = {}
        self.is_forked = False
        self.height = 0
        self.finalizations = 0

    def on_signature(self, member: int, message: bytes, durable: Container[Hash32]) -> None:
        """R7 for honest members, across crashes: no slashable pair is ever signed."""
        said = read_signed(message)
        signed = self._signed.setdefault((member, said.instance_id, said.view), {})
        if signed.setdefault(said.phase, said) != said:
            raise Violation("equivocation", f"member {member} signed twice: {said}")
        if VotePhase.CANCEL in signed and VotePhase.COMMIT in signed:
            raise Violation("equivocation", f"member {member} gave COMMIT and CANCEL: {said}")
        if said.phase is VotePhase.CANCEL and self._facts.scenario.calm:
            raise Violation("skipped", f"member {member} with nothing wrong anywhere: {said}")
        if said.phase is VotePhase.PREFER and said.block_id not in durable:
            raise Violation("body", f"member {member} prefers what it does not hold: {said}")

    def on_final(self, member: int, tip: BlockRef, effect: Finalize) -> None:
        """Agreement, and that only what the rules allow becomes final."""
        scenario = self._facts.scenario
        self._check_certificate(member, effect)
        for block in effect.blocks:
            if block.parent_id != tip.id or block.height != tip.height + 1:
                raise Violation("chain", f"member {member}: {block} on {tip}")
            if block.epoch != epoch_of_height(block.height, scenario.epoch_blocks):
                raise Violation("past the edge", f"member {member}: {block}")
            self._check_time(member, tip, block)
            if scenario.electorate(block.epoch).proposer(block.view) != block.proposer_index:
                raise Violation("out of turn", f"member {member}: {block}")
            if self._facts.bodies[block.id].flaw in (Flaw.INVALID, Flaw.OVERSIZED):
                raise Violation("invalid", f"member {member}: {block}")
            known = self._final.setdefault(block.height, block)
            if known.id != block.id:
                self._on_fork("agreement", f"member {member}: {block} against {known}")
            tip = block
        self.finalizations += 1
        self.height = max(self.height, tip.height)

    def on_epoch(self, member: int, instance: Instance) -> None:
        """R10: every member enters the same instance of an epoch."""
        self._named[instance.id] = instance
        self._windows.pop(member, None)  # other views, whatever their number
        known = self.instances.setdefault(instance.epoch, instance)
        if known.id != instance.id:
            self._on_fork("instance", f"member {member} in epoch {instance.epoch}")

    def on_halt(self, member: int, reason: str) -> None:
        """Only where more are evil than safety bears may anybody have to stop."""
        if not self._facts.scenario.beyond:
            raise Violation("halt", f"member {member}: {reason}")
        self.halted.append(reason)
        self._halted_members.add(member)

    def _on_fork(self, kind: str, what: str) -> None:
        if not self._facts.scenario.beyond:
            raise Violation(kind, what)
        self.is_forked = True

    def on_end(self) -> None:
        """A fork is noticed, and those who noticed it can name 38 % of the weight."""
        if self.is_forked and not self.halted:
            raise Violation("fork unnoticed", "nobody has halted")
        if self._accused_again - self._halted_members:
            raise Violation("accused again", f"by {self._accused_again - self._halted_members}")
        if self.is_forked and self.accused_percent < ACCOUNTABLE_PERCENT:
            raise Violation("fork unaccounted", f"{self.accused_percent} % of the weight accused")
        if self.is_forked:
            byzantine = self._facts.scenario.byzantine
            for fault in self.inquest.faults(self._named, lambda who: who[0] - 1 in byzantine):
                raise Violation("fork unproven", fault)

    @property
    def accused_percent(self) -> int:
        """The greatest share of an electorate that honest members have accused."""
        shares = [0]
        for epoch, guilty in self.guilty.items():
            electorate = self._facts.scenario.electorate(epoch)
            weight = sum(electorate.weights[index] for index in guilty)
            shares.append(100 * weight // electorate.total)
        return max(shares)

    def on_evidence(self, member: int, life: str, evidence: Evidence) -> None:
        """Nobody honest is ever accused, every accusation stands on its own, one is enough."""
        self._facts.faults["(evidence found)"] += 1
        self.guilty.setdefault(evidence.epoch, set()).add(evidence.offender)
        side = evidence.first
        said = side.vote if isinstance(side, SignedVote) else side.claim
        accusation = (life, said.instance_id, said.view, evidence.offender)
        if accusation in self._accused:
            if not self._facts.scenario.beyond:
                raise Violation("accused again", f"node {life}: {said}")
            self._accused_again.add(member)  # who halts names them all once more
        self._accused.add(accusation)
        try:
            check_evidence(evidence)
        except InvalidEvidence as error:
            raise Violation("evidence", f"member {member}: {error}") from error
        scenario = self._facts.scenario
        address = scenario.electorate(evidence.epoch).members[evidence.offender]
        if address[0] - 1 not in scenario.byzantine:
            raise Violation("false evidence", f"member {member} accuses {address[0] - 1}")

    def on_step(self, member: int, state: State, event: Event) -> None:
        """Bounded memory, whatever was sent; no offence overlooked, whoever committed it."""
        offenders = overlooked(state, event)
        if offenders:
            raise Violation("offence overlooked", f"member {member}: {offenders} by {event}")
        if len(state.blocks) > CORE_BLOCKS_MAX or len(state.wanted) > CORE_BLOCKS_MAX:
            raise Violation("bounds", f"member {member}: {len(state.blocks)} blocks")
        if not state.views or state.halted:
            return
        self._check_views(member, state)
        if isinstance(event, ProposalAccepted):
            known = state.at(event.proposal.proposal.view)
            if len(known.proposals) > PROPOSALS_PER_VIEW_MAX:
                raise Violation("bounds", f"member {member}: too many proposals")
        if state.view - state.final_view <= VIEWS_BEHIND_MAX:
            return
        behind = [view for view in state.views if view < state.view - VIEWS_BEHIND_MAX]
        if sum(not state.views[view].is_slim for view in behind) > 1:  # the first open one may stay
            raise Violation("bounds", f"member {member}: votes of views {behind} are still here")

    def _check_views(self, member: int, state: State) -> None:
        """Which views are kept; looked at when there are more or fewer, or the window moves."""
        window = (len(state.views), state.view, state.final_view)
        if self._windows.get(member) == window:
            return
        self._windows[member] = window
        first, last = min(state.views), max(state.views)
        if last > state.view + VIEWS_AHEAD_MAX or first <= state.final_view:
            raise Violation("bounds", f"member {member}: views {first} to {last} in {window}")

    def _check_certificate(self, member: int, effect: Finalize) -> None:
        """A FINAL of this block, by 69 % of the weight, each signature made by its voter."""
        certificate = effect.certificate
        electorate = self._facts.scenario.electorate(certificate.epoch)
        weight = sum(electorate.weights[index] for index in certificate.voter_indices)
        message = certificate.vote.signing_bytes
        if (
            Fraction(weight, electorate.total) < QUORUM
            or certificate.phase is not VotePhase.COMMIT
            or certificate.block_id != effect.blocks[-1].id
            or not all(
                self._facts.verifies(
                    electorate.members[vote.voter_index], message, VOTE_CONTEXT, vote.signature
                )
                for vote in certificate.votes()
            )
        ):
            raise Violation("certificate", f"member {member}: {certificate}")

    def _check_time(self, member: int, parent: BlockRef, block: BlockRef) -> None:
        """Not too close to its parent, nor beyond what a quorum's clocks can have shown."""
        scenario = self._facts.scenario
        if block.timestamp_ms < parent.timestamp_ms + scenario.block_time_ms:
            raise Violation("spacing", f"member {member}: {block} on {parent}")
        latest = GENESIS.timestamp_ms + self._facts.now + max(scenario.skew_ms)
        latest += self._wrongly_shown_ms(block.epoch)
        if block.timestamp_ms > latest + scenario.block_time_ms:
            raise Violation("future", f"member {member}: {block}")

    def _wrongly_shown_ms(self, epoch: int) -> int:
        """How far a clock is off on which evil members need only one honest one to be a quorum."""
        scenario = self._facts.scenario
        if scenario.accidents.wrong_clock is None:
            return 0
        wrong, off_ms = scenario.accidents.wrong_clock
        electorate = scenario.electorate(epoch)
        with_them = scenario.byzantine | {wrong}
        voters = enumerate(electorate.members)
        weight = sum(electorate.weights[at] for at, each in voters if each[0] - 1 in with_them)
        return max(0, off_ms) if reaches_quorum(weight, electorate.total) else 0
