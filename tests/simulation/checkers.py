"""What must hold in every run, checked as it happens: agreement, honesty, validity, bounds."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from consensus.certificates import QuorumCertificate
from consensus.core import State
from consensus.errors import InvalidEvidence
from consensus.evidence import Evidence, check_evidence
from consensus.instance import BlockRef, Instance, epoch_of_height
from consensus.records import ProposalCast, VoteCast
from consensus.votes import VotePhase
from genesis.limits import CORE_BLOCKS_MAX, PROPOSALS_PER_VIEW_MAX, VIEWS_AHEAD_MAX
from native.hashing import Hash32
from tests.builders_consensus import GENESIS
from tests.simulation.scenario import Scenario


class Violation(Exception):
    """An invariant does not hold."""


class Checker:
    """Sees all that honest nodes do, and remembers across their crashes."""

    def __init__(self, scenario: Scenario, faults: Counter[str]) -> None:
        self._scenario = scenario
        self._faults = faults
        self._final: dict[int, BlockRef] = {0: GENESIS}
        self._instances: dict[int, Instance] = {}
        self._signed: dict[tuple[int, Hash32, int], dict[VotePhase | None, Hash32]] = {}
        self.height = 0
        self.finalizations = 0

    def on_signature(self, member: int, record: VoteCast | ProposalCast) -> None:
        """R7 for honest members, across crashes: no slashable pair is ever signed."""
        phase: VotePhase | None
        match record:
            case VoteCast(vote):
                slot, phase, subject = (vote.instance_id, vote.view), vote.phase, vote.block_id
            case ProposalCast(proposal):
                slot, phase = (proposal.instance_id, proposal.view), None
                subject = proposal.block.id
                if proposal.is_repeat:
                    self._faults["(honest re-proposal at the edge)"] += 1
        signed = self._signed.setdefault((member, *slot), {})
        if signed.setdefault(phase, subject) != subject:
            raise Violation("equivocation", f"member {member} signed twice: {record}")
        if VotePhase.CANCEL in signed and VotePhase.COMMIT in signed:
            raise Violation("equivocation", f"member {member} gave COMMIT and CANCEL: {record}")

    def on_final(
        self,
        member: int,
        tip: BlockRef,
        certificate: QuorumCertificate,
        blocks: Sequence[BlockRef],
    ) -> None:
        """Agreement, and that only what the rules allow becomes final."""
        scenario = self._scenario
        electorate = scenario.electorate(certificate.epoch)
        weight = sum(electorate.weights[index] for index in certificate.voter_indices)
        if (
            Fraction(weight, electorate.total) < Fraction(69, 100)
            or certificate.phase is not VotePhase.COMMIT
            or certificate.block_id != blocks[-1].id
        ):
            raise Violation("certificate", f"member {member}: {certificate}")
        for block in blocks:
            if block.parent_id != tip.id or block.height != tip.height + 1:
                raise Violation("chain", f"member {member}: {block} on {tip}")
            if block.epoch != epoch_of_height(block.height, scenario.epoch_blocks):
                raise Violation("past the edge", f"member {member}: {block}")
            if block.timestamp_ms < tip.timestamp_ms + scenario.block_time_ms:
                raise Violation("spacing", f"member {member}: {block} on {tip}")
            known = self._final.setdefault(block.height, block)
            if known.id != block.id:
                raise Violation("agreement", f"member {member}: {block} against {known}")
            tip = block
        self.finalizations += 1
        self.height = max(self.height, tip.height)

    def on_epoch(self, member: int, instance: Instance) -> None:
        """R10: every member enters the same instance of an epoch."""
        known = self._instances.setdefault(instance.epoch, instance)
        if known.id != instance.id:
            raise Violation("instance", f"member {member} in epoch {instance.epoch}")

    def on_evidence(self, member: int, evidence: Evidence) -> None:
        """Nobody honest is ever accused, and every accusation stands on its own."""
        self._faults["(evidence found)"] += 1
        try:
            check_evidence(evidence)
        except InvalidEvidence as error:
            raise Violation("evidence", f"member {member}: {error}") from error
        address = self._scenario.electorate(evidence.epoch).members[evidence.offender]
        if address[0] - 1 not in self._scenario.byzantine:
            raise Violation("false evidence", f"member {member} accuses {address[0] - 1}")

    def on_step(self, member: int, state: State) -> None:
        """Bounded memory, whatever was sent."""
        if len(state.blocks) > CORE_BLOCKS_MAX or len(state.wanted) > CORE_BLOCKS_MAX:
            raise Violation("bounds", f"member {member}: {len(state.blocks)} blocks")
        if not state.views:
            return
        last = max(state.views)
        if last > state.view + VIEWS_AHEAD_MAX or last <= state.final_view:
            raise Violation("bounds", f"member {member}: view {last} kept in view {state.view}")
        if len(state.views[last].proposals) > PROPOSALS_PER_VIEW_MAX:
            raise Violation("bounds", f"member {member}: too many proposals")
