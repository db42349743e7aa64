"""Both lanes of one node: `step(state, event)` gives the next state and what must happen now.

One function per event; then the moves that follow from what has changed: act on a decision, begin
terms, close them, judge checkpoints. The rules stand in rules.py alone, those of one instance in
consensus/core. Nothing here verifies a signature or reads a clock.
"""

from typing import assert_never

from consensus.certificates import QuorumCertificate
from consensus.core import events as core
from consensus.core.events import Event
from consensus.core.timing import sync_ms
from consensus.lanes import ballots, closing, fast, finality, rules
from consensus.lanes.closes import CloseMessage
from consensus.lanes.effects import LaneEffect, RequestDecision, SetWake
from consensus.lanes.events import (
    CertificatesWanted,
    CheckpointFetched,
    CheckpointProposed,
    CloseAccepted,
    CoreTimerFired,
    DecisionReceived,
    EpochDecided,
    HardForkProven,
    LaneEvent,
    OfLanes,
    Woke,
)
from consensus.lanes.state import Cause, Lanes
from consensus.lanes.turn import LaneTurn
from consensus.lanes.voters import EpochVoters
from consensus.memory import changed
from consensus.votes import VotePhase
from genesis.limits import ELECTORATES_AHEAD_MAX
from native.hashing import Hash32


def step(state: Lanes, event: LaneEvent) -> tuple[Lanes, tuple[LaneEffect, ...]]:
    """Total and deterministic: the same state and event give the same result, on every node."""
    known_before_start = isinstance(event, core.Started | core.BlockExecuted | EpochDecided)
    if state.halted is not None or not (state.started or known_before_start):
        return state, ()
    turn = LaneTurn(state, event.now_ms)
    closing.freeze(turn)
    react(turn, event)
    if turn.state.started and not (isinstance(event, core.VoteAccepted) and not turn.effects):
        settle(turn)
    return turn.state, tuple(turn.effects)


def react(turn: LaneTurn, event: LaneEvent) -> None:
    """Each event has its function; what belongs to an instance goes to the core of that one."""
    match event:
        case core.VoteAccepted(vote):
            to_instance(turn, vote.vote.instance_id, event)
            closing.on_vote(turn, vote)
        case core.CertificateAccepted(certificate):
            on_certificate(turn, certificate, event)
        case core.ProposalAccepted(signed):
            to_term(turn, signed.proposal.instance_id, event)
        case core.BlockBuilt(instance_id):
            to_term(turn, instance_id, event)
        case core.BlockExecuted(block):
            fast.on_executed(turn, block)
        case core.BlockRejected(block_id):
            on_rejected(turn, block_id, event)
        case core.VotingAllowed():
            on_voting_allowed(turn)
        case core.Started():
            on_started(turn)
        case _:
            react_to_lanes(turn, event)


def react_to_lanes(turn: LaneTurn, event: OfLanes) -> None:
    """Events that the core of one instance does not know."""
    match event:
        case CoreTimerFired(instance_id, timer):
            to_instance(turn, instance_id, core.TimerFired(timer, event.now_ms))
        case CertificatesWanted(instance_id, request):
            to_instance(turn, instance_id, request)
        case CloseAccepted(message):
            on_close(turn, message)
        case CheckpointProposed():
            ballots.on_proposed(turn, event)
        case CheckpointFetched(checkpoint):
            ballots.on_fetched(turn, checkpoint)
        case DecisionReceived(checkpoint, certificate):
            ballots.on_decision(turn, checkpoint, certificate)
        case HardForkProven(certificate):
            turn.halt("conflicting finality", certificate)
        case EpochDecided(voters):
            on_epoch(turn, voters)
        case Woke():
            on_woke(turn)
        case _:
            assert_never(event)


# --- events -------------------------------------------------------------------------------------


def to_instance(turn: LaneTurn, instance_id: Hash32, event: Event) -> None:
    """To the core of the ballot or of a term; what names neither is dropped."""
    if instance_id == turn.state.ballot.instance.id:
        ballots.feed(turn, event)
    else:
        to_term(turn, instance_id, event)


def to_term(turn: LaneTurn, instance_id: Hash32, event: Event) -> None:
    """To the core of a term. Checkpoints come with their own event, never as bare proposals."""
    for term in turn.state.terms:
        if term.instance.id == instance_id:
            fast.feed(turn, term.number, event)
            return


def on_certificate(turn: LaneTurn, certificate: QuorumCertificate, event: Event) -> None:
    """A term learns of it before its core does, which may hold another one of that view."""
    for term in turn.state.terms:
        if term.instance.id == certificate.instance_id:
            fast.learn(turn, term.number, certificate)
            fast.want_blocks(turn, term.number)
    to_instance(turn, certificate.instance_id, event)


def on_close(turn: LaneTurn, message: CloseMessage) -> None:
    """The tip it names, then the word itself."""
    term = closing.term_of(turn, message.signed)
    if term is not None and message.notar is not None:
        fast.learn(turn, term.number, message.notar)
    closing.on_close(turn, message)


def on_rejected(turn: LaneTurn, block_id: Hash32, event: core.BlockRejected) -> None:
    """If a committee made it final, that committee is void."""
    state = turn.state
    turn.state = changed(
        state, tree=state.tree.with_rejected(block_id), wanted=state.wanted - {block_id}
    )
    for term in state.terms:
        if (block_id, VotePhase.COMMIT) in term.pending:
            closing.close(turn, term.number, Cause.CONFLICT)
        fast.feed(turn, term.number, event)


def on_epoch(turn: LaneTurn, voters: EpochVoters) -> None:
    """The voters of a coming epoch; they are known one epoch ahead."""
    state = turn.state
    now = state.hard.height // state.config.core.epoch_blocks
    if now <= voters.epoch <= now + ELECTORATES_AHEAD_MAX:
        turn.state = changed(state, epochs={**state.epochs, voters.epoch: voters})


def on_voting_allowed(turn: LaneTurn) -> None:
    """From now on we sign, in terms that are open."""
    if not turn.state.abstain:
        return
    turn.state = changed(turn.state, abstain=False)
    for term in turn.state.terms:
        if term.is_open:
            fast.feed(turn, term.number, core.VotingAllowed(turn.now_ms))


def on_started(turn: LaneTurn) -> None:
    """Set out from what `initial` or `restore` knew."""
    if turn.state.started:
        return
    turn.state = changed(turn.state, started=True, hard_ms=turn.now_ms, tick_ms=turn.now_ms)
    ballots.begin_ballot(turn)


def on_woke(turn: LaneTurn) -> None:
    """Deadlines are looked at after every event; here is what only time brings.

    A tick further away than one pause was set before our clock was set back: it is due.
    """
    now_ms, pause_ms = turn.now_ms, sync_ms(turn.state.config.core)
    state = turn.state = changed(turn.state, wake_ms=0)  # that wake is over
    if now_ms < state.tick_ms <= now_ms + pause_ms:
        return
    turn.state = changed(
        state,
        tick_ms=now_ms + pause_ms,
        hard_ms=min(state.hard_ms, now_ms),
        wanted=frozenset(),
    )
    closing.repeat(turn)
    for term in state.terms:
        fast.want_blocks(turn, term.number)
    ballots.want_blocks(turn)
    if now_ms >= turn.state.hard_ms + pause_ms and is_quiet(turn, pause_ms):
        turn.emit(RequestDecision(state.number))


def is_quiet(turn: LaneTurn, pause_ms: int) -> bool:
    """Nothing new in the fast lane either, or it waits for us: are we behind?

    Nothing was new a moment ago if our clock says that it will be.
    """
    last = turn.state.terms[-1] if turn.state.terms else None
    return (
        last is None
        or not last.is_open
        or turn.state.ballot.armed
        or not last.last_final_ms <= turn.now_ms < last.last_final_ms + pause_ms
    )


# --- moves --------------------------------------------------------------------------------------


def settle(turn: LaneTurn) -> None:
    """Until nothing follows any more: decide, begin, close, judge; then ask to be woken."""
    while turn.state.halted is None:
        if finality.decide(turn) or finality.go_on(turn):
            continue
        closing.sweep(turn)
        ballots.arm(turn)
        ballots.build(turn)
        ballots.offer(turn)
        ballots.arm(turn)
        if turn.decided is None:
            break
    set_wake(turn)


def set_wake(turn: LaneTurn) -> None:
    """The next deadline of a term, or the next tick."""
    state, now_ms = turn.state, turn.now_ms
    moments = [state.tick_ms]
    for term in state.terms:
        if term.is_open:
            moments += [rules.stalls_ms(term, state.config), rules.ages_ms(term, state.config)]
        waited = rules.waited_ms(term, state.config)
        frozen = rules.freezes_ms(term, state.config)
        moments += [moment for moment in (waited, frozen and frozen + 1) if moment]
    wake_ms = min((moment for moment in moments if moment > now_ms), default=now_ms + 1)
    if state.tick_ms <= now_ms:
        wake_ms = now_ms + 1
    if wake_ms != state.wake_ms:
        turn.state = changed(state, wake_ms=wake_ms)
        turn.emit(SetWake(wake_ms))
