"""Rules as a stranger got them wrong, who wrote the list before reading code of this kind here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aichain.node import ballots
from consensus import guard
from consensus.certificates import QuorumCertificate
from consensus.core import catchup, filters, finality, recovery, tally, timing, voting
from consensus.core.effects import (
    CastProposal,
    CastVote,
    Effect,
    ReportEquivocation,
    Timer,
    TimerName,
)
from consensus.core.state import State, ViewState
from consensus.core.tally import Tally
from consensus.core.turn import Turn
from consensus.electorate import Electorate
from consensus.evidence import ConflictingProposals, Evidence
from consensus.memory import changed
from consensus.probation import Head, Probation, has_heard_quorum, may_start_signing
from consensus.proposals import Proposal
from consensus.quorum import reaches_quorum
from consensus.records import (
    CertificateSeen,
    HeightFinal,
    ProposalCast,
    Record,
    SigningAllowed,
    VoteCast,
    decode_record,
    record_view,
)
from consensus.votes import SignedVote, Vote, VotePhase
from native.hashing import Hash32
from tests.simulation.wrong_rules import core_step

ACCUSE = Turn.accuse
CANCEL_AT_MS = timing.cancel_at_ms
CHAIN_BELOW = finality.chain_below
CHECK_WEIGHT = QuorumCertificate.check_weight
COUNT = tally.count
FLOOR_OF = recovery.floor_of
IN_NEXT_EPOCH: Callable[[State], State] = core_step.in_next_epoch
IS_NULLIFIED_BETWEEN = voting.is_nullified_between
IS_WANTED = filters.is_wanted
MAY_START_SIGNING = may_start_signing
ON_TIMER = core_step.on_timer
OUTLIVES = ballots._outlives
RECORD = ballots._record
REPEAT = catchup.repeat
REPLAY = recovery.replay
REQUIRE_LEGAL_VOTE = guard._require_legal_vote
VIEW_AFTER = recovery.view_after
WANTS_PROPOSAL = filters.wants_proposal


# --- counting -------------------------------------------------------------------------------------


def count_by_name(held: Tally, signed: SignedVote, electorate: Electorate) -> tally.Outcome:
    """Votes for one block count together, whatever height they name."""
    if signed.voter_index in held.votes:
        return COUNT(held, signed, electorate)
    subject, total = (0, signed.vote.block_id), electorate.total
    before = held.weights.get(subject, 0)
    after = before + electorate.weights[signed.voter_index]
    counted = Tally({**held.votes, signed.voter_index: signed}, {**held.weights, subject: after})
    if reaches_quorum(before, total) or not reaches_quorum(after, total):
        return tally.Counted(counted)
    same = tuple(each for each in counted.votes.values() if each.vote == signed.vote)
    return tally.Quorum(counted, same)


def count_heads(held: Tally, signed: SignedVote, electorate: Electorate) -> tally.Outcome:
    """One member, one vote."""
    return COUNT(held, signed, replace(electorate, weights=(1,) * len(electorate)))


def weigh_heads(certificate: QuorumCertificate, weights: Sequence[int]) -> None:
    CHECK_WEIGHT(certificate, (1,) * len(weights))


def two_thirds(weight: int, total: int) -> bool:
    """As in Tendermint."""
    return 3 * weight > 2 * total


def wanted_of_any_epoch(state: State, signed: SignedVote) -> bool:
    """The epoch beside a vote is not signed, so why look at it?"""
    return IS_WANTED(state, replace(signed, epoch=state.epoch))


# --- what a proposal rests on ---------------------------------------------------------------------


def all_but_the_last_null(state: State, low: int, high: int) -> bool:
    return IS_NULLIFIED_BETWEEN(state, low, high - 1)


def null_or_notar(state: State, low: int, high: int) -> bool:
    """A view whose outcome is known can be skipped, whatever the outcome."""
    return all(
        state.at(view).null is not None or state.at(view).notarized is not None
        for view in range(low + 1, high)
    )


def repeat_on_the_parent(state: State, proposal: Proposal) -> bool:
    """Also a repeated block is justified by the NOTAR of its parent."""
    return voting.notarized_at(state, proposal.justify_view) == proposal.block.parent_id


def justified_for_anybody(state: State, proposal: Proposal) -> bool:
    """Whoever proposes, if the certificates are there."""
    return (
        proposal.instance_id == state.instance.id
        and voting.has_notar(state, proposal)
        and voting.is_nullified_between(state, proposal.justify_view, proposal.view)
    )


def wants_from_anybody(state: State, proposal: Proposal) -> bool:
    turn = state.instance.proposer(proposal.view)
    return WANTS_PROPOSAL(state, replace(proposal, proposer_index=turn))


def tip_over_gaps(state: State) -> voting.Tip | None:
    """The highest NOTAR, whatever lies between."""
    for view in range(state.view - 1, state.final_view - 1, -1):
        block_id = voting.notarized_at(state, view)
        if block_id is not None:
            return voting.Tip(view, block_id)
    return None


# --- once per view --------------------------------------------------------------------------------


def cancel_after_commit(state: State) -> bool:
    return state.may_sign and state.at(state.view).cancelled is None


def stays_after_commit(record: Record) -> int:
    """After a restart, back into the last view that the log speaks of."""
    return (
        record_view(record)
        if isinstance(record, VoteCast | CertificateSeen)
        else VIEW_AFTER(record)
    )


def legal_but_for_cancel(held: guard.SlotSignatures, vote: Vote, epoch: int) -> None:
    """The guard lets CANCEL follow COMMIT."""
    if vote.phase is not VotePhase.CANCEL or VotePhase.CANCEL in held.votes:
        REQUIRE_LEGAL_VOTE(held, vote, epoch)


def any_timer(turn: Turn, timer: Timer) -> None:
    """The CANCEL timer of a view left behind ends the present one."""
    if timer.name is TimerName.CANCEL:
        timer = Timer(timer.name, turn.state.epoch, turn.state.view)
    ON_TIMER(turn, timer)


def thirty_times_as_long(state: State, tip_timestamp_ms: int) -> int:
    """Views that fail take their time; all is right, and hardly anything moves."""
    return state.entered_ms + 30 * (CANCEL_AT_MS(state, tip_timestamp_ms) - state.entered_ms)


def never_slower(state: State, tip_timestamp_ms: int) -> int:
    """Views do not get longer when they fail."""
    return CANCEL_AT_MS(changed(state, fails=0), tip_timestamp_ms)


# --- the edge -------------------------------------------------------------------------------------


def views_live_on(state: State) -> State:
    return changed(IN_NEXT_EPOCH(state), views=state.views)


def same_voters_again(state: State) -> State:
    """The next epoch is decided by the weights of this one."""
    epoch = state.epoch + 1
    same = replace(state.instance.electorate, epoch=epoch)
    return IN_NEXT_EPOCH(changed(state, electorates={**state.electorates, epoch: same}))


# --- log, recovery, probation ---------------------------------------------------------------------


def nothing_of_later_epochs(state: State, records: Sequence[Record]) -> State:
    """What the log says of an epoch that our chain has not reached is forgotten."""
    return changed(REPLAY(state, records), later_records=())


def only_finals_are_floors(record: Record) -> tuple[int, int]:
    """A vote in a later epoch does not close the epochs before it."""
    return (0, 0) if isinstance(record, VoteCast | ProposalCast) else FLOOR_OF(record)


def outlives_without_permission(raw: bytes, floor: HeightFinal, instance_id: Hash32) -> bool:
    """A rewrite drops why this log is trusted."""
    is_permission = isinstance(decode_record(raw), SigningAllowed)
    return not is_permission and OUTLIVES(raw, floor, instance_id)


def outlives_without_floor(raw: bytes, floor: HeightFinal, instance_id: Hash32) -> bool:
    return decode_record(raw) != floor and OUTLIVES(raw, floor, instance_id)


def votes_only(effect: Effect) -> Any:
    """Proposals are no votes, so they are not logged."""
    return None if isinstance(effect, CastProposal) else RECORD(effect)


def new_to_us(probation: Probation, *, epoch: int, final_view: int) -> bool:
    """A chain of which we know no final block has just begun."""
    if has_heard_quorum(probation) and (epoch, final_view) == (0, 0):
        return True
    return MAY_START_SIGNING(probation, epoch=epoch, final_view=final_view)


def all_heads(heard: Mapping[int, Head], _epoch: int, _final_view: int) -> Mapping[int, Head]:
    """Whatever anybody claims is waited for."""
    return heard


# --- evidence, contradictions, bounds, catching up ------------------------------------------------


def nothing_contradicts(*_: object) -> bool:
    return False


def incomplete_for_ever(
    state: State, certificate: QuorumCertificate
) -> finality.Chain | finality.Incomplete:
    """What cannot be true may still become true: wait."""
    chain = CHAIN_BELOW(state, certificate)
    return finality.Incomplete() if isinstance(chain, finality.Contradiction) else chain


def no_opposite(known: ViewState, phase: VotePhase) -> Tally | None:
    """COMMIT and CANCEL are held against nobody."""
    return None


def votes_convict_only(turn: Turn, view: int, evidence: Evidence) -> None:
    if not isinstance(evidence, ConflictingProposals):
        ACCUSE(turn, view, evidence)


def accuse_again(turn: Turn, view: int, evidence: Evidence) -> None:
    turn.emit(ReportEquivocation(evidence, turn.state.instance))


def no_conflict(*_: object) -> tuple[()]:
    return ()


def repeat_this_view_only(turn: Turn) -> None:
    """An old view that nobody knows the outcome of is not said again."""
    REPEAT(turn)
    recent = turn.state.view - 1
    turn.effects = [
        effect
        for effect in turn.effects
        if not isinstance(effect, CastVote) or effect.vote.view >= recent
    ]
