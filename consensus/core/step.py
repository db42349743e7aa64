"""The protocol: `step(state, event)` gives the next state and what must happen now.

One function per event, then the moves they share. Rules R0-R10 are those of consensus/README.md;
when a vote is allowed stands in voting.py alone. Nothing here checks signatures or reads a clock.

A view in which all goes well: all `enter_view`; its proposer goes on by `try_propose`, `on_built`
and `propose`, the others by `on_proposal`, and all by `try_prefer`. `on_vote` counts PREFERs to a
NOTAR, for which `on_certificate` casts COMMIT and enters the next view; `on_vote` counts COMMITs
to a FINAL, and `settle` acts on it. Whatever was missing and arrives leads back to `go_on`.
"""

from typing import assert_never

from consensus.certificates import QuorumCertificate, assemble
from consensus.core import catchup, filters, finality, hearing, recovery, tally, timing, voting
from consensus.core.effects import (
    BroadcastCertificate,
    BuildBlock,
    CastProposal,
    CastVote,
    Effect,
    EnterEpoch,
    PersistCertificate,
    Timer,
    TimerName,
)
from consensus.core.events import (
    BlockBuilt,
    BlockExecuted,
    BlockRejected,
    CertificateAccepted,
    CertificatesRequested,
    ElectorateDecided,
    Event,
    ForkProven,
    ProposalAccepted,
    Started,
    TimerFired,
    VoteAccepted,
    VotingAllowed,
)
from consensus.core.state import CommitRule, State, certificates_against, in_next_epoch
from consensus.core.turn import Turn
from consensus.electorate import Electorate
from consensus.evidence import ConflictingProposals, ConflictingVotes, SignedClaim
from consensus.instance import BlockRef
from consensus.memory import changed
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import ELECTORATES_AHEAD_MAX, VIEW_TIMEOUT_MAX_MS
from native.hashing import Hash32


def step(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """Total and deterministic: the same state and event give the same result, on every node."""
    is_early = not (state.started or isinstance(event, Started | BlockExecuted | ElectorateDecided))
    if state.halted is not None or is_early:
        return state, ()
    turn = Turn(state, event.now_ms)
    react(turn, event)
    return turn.state, tuple(turn.effects)


def react(turn: Turn, event: Event) -> None:  # noqa: C901, PLR0912 one case per event
    """Each event has its function."""
    match event:
        case VoteAccepted(vote):
            on_vote(turn, vote)
        case CertificateAccepted(certificate):
            on_certificate(turn, certificate, assembled=False)
        case ForkProven(certificate):
            turn.halt_at(certificate)
        case ProposalAccepted(proposal):
            on_proposal(turn, proposal)
        case BlockExecuted(block):
            on_executed(turn, block)
        case BlockRejected(block_id):
            on_rejected(turn, block_id)
        case BlockBuilt(instance_id, view, block):
            on_built(turn, instance_id, view, block)
        case TimerFired(timer):
            on_timer(turn, timer)
        case CertificatesRequested():
            catchup.answer(turn, event)
        case ElectorateDecided(electorate):
            on_electorate(turn, electorate)
        case VotingAllowed():
            on_voting_allowed(turn)
        case Started():
            on_started(turn)
        case _:
            assert_never(event)


# --- events -------------------------------------------------------------------------------------


def on_vote(turn: Turn, signed: SignedVote) -> None:
    """Count it; a quorum is a certificate. Two votes that exclude each other are reported (R7)."""
    if not filters.is_wanted(turn.state, signed):
        return
    vote, voter = signed.vote, signed.voter_index
    turn.state = hearing.hear(turn.state, (voter,), vote.view)
    if vote.view <= turn.state.final_view:
        return  # too late to count, but not to be heard
    known = turn.state.at(vote.view)
    outcome = tally.count(known.tally(vote.phase), signed, turn.state.instance.electorate)
    match outcome:
        case tally.Conflict(first):
            turn.accuse(vote.view, ConflictingVotes(first, signed))
        case tally.Counted(counted) | tally.Quorum(counted):
            turn.set_view(vote.view, known.with_tally(vote.phase, counted))
            opposite = known.opposite(vote.phase)
            if opposite is not None and voter in opposite.votes:
                turn.accuse(vote.view, ConflictingVotes(opposite.votes[voter], signed))
            for evidence in certificates_against(known, signed):
                turn.accuse(vote.view, evidence)
        case tally.Duplicate():
            return
    if isinstance(outcome, tally.Quorum):
        size = len(turn.state.instance.electorate)
        on_certificate(turn, assemble(outcome.votes, size), assembled=True)


def on_certificate(turn: Turn, certificate: QuorumCertificate, *, assembled: bool) -> None:
    """R3, R5, R6: a certificate closes its view; a NOTAR asks for our COMMIT first."""
    if not filters.wants_certificate(turn.state, certificate):
        return
    if filters.contradicts_final(turn.state, certificate):
        turn.halt_at(certificate)
        return
    turn.accuse_voters_of_both(certificate)
    view, known = certificate.view, turn.state.at(certificate.view)
    if known.certificate(certificate.phase) is not None:
        return
    turn.set_view(view, turn.state.at(view).with_certificate(certificate))
    turn.state = hearing.hear(turn.state, certificate.voter_indices, view)
    turn.emit(PersistCertificate(certificate))
    if assembled and view >= turn.state.view - 1 and catchup.is_announcer(turn.state, view):
        turn.emit(BroadcastCertificate(certificate))  # R0
    match certificate.phase:
        case VotePhase.PREFER:
            if voting.may_commit(turn.state, view):
                cast(turn, Vote(certificate.instance_id, VotePhase.COMMIT, *_subject(certificate)))
            catchup.need(turn, certificate.block_id)
        case VotePhase.COMMIT:
            turn.state = changed(turn.state, fails=0)
    if view >= turn.state.view:
        enter_view(turn, view + 1)
    go_on(turn)


def on_proposal(turn: Turn, signed: SignedProposal) -> None:
    """Keep up to three a view; the first acceptable one gets our PREFER (R2).

    A block is forgotten when its height is final, so those of other epochs' heights are never kept.
    """
    proposal = signed.proposal
    if not filters.wants_proposal(turn.state, proposal):
        return
    view, block, known = proposal.view, proposal.block, turn.state.at(proposal.view)
    others = tuple(held for held in known.proposals if held.proposal != proposal)
    for held in others:
        if held.signature:
            turn.accuse(view, ConflictingProposals(SignedClaim.of(held), SignedClaim.of(signed)))
    turn.set_view(view, changed(turn.state.at(view), proposals=(*others, signed)))
    if voting.is_within_epoch(turn.state.instance, block):
        turn.state = changed(turn.state, blocks={**turn.state.blocks, block.id: block})
    turn.state = hearing.hear(turn.state, (proposal.proposer_index,), view)
    if view < turn.state.view:
        catchup.need(turn, block.id)
    elif view == turn.state.view:
        if not voting.is_justified(turn.state, proposal):
            catchup.request_justification(turn, proposal.justify_view)
        try_prefer(turn)


def on_built(turn: Turn, instance_id: Hash32, view: int, block: BlockRef) -> None:
    """Our block is ready: propose it, unless the view or the tip has changed meanwhile."""
    state = turn.state
    tip = voting.tip(state)
    if instance_id != state.instance.id or view != state.view or not voting.may_propose(state):
        return
    if tip is not None and (tip.block_id, tip.view) == (block.parent_id, block.parent_view):
        propose(turn, block, tip.view)


def on_executed(turn: Turn, block: BlockRef) -> None:
    """A block may be voted for and built upon; one more FINAL may be complete."""
    state = turn.state
    if block.height <= state.final.height or block.id in state.executed:
        return
    turn.state = changed(
        state,
        blocks={**state.blocks, block.id: block},
        executed=state.executed | {block.id},
        wanted=state.wanted - {block.id},
    )
    if turn.state.started:
        go_on(turn)


def on_rejected(turn: Turn, block_id: Hash32) -> None:
    """Remember what does not execute: if it becomes final, we stop."""
    state = turn.state
    turn.state = changed(
        state, rejected=state.rejected | {block_id}, wanted=state.wanted - {block_id}
    )
    go_on(turn)


def on_timer(turn: Turn, timer: Timer) -> None:
    """SYNC belongs to no view; all others are void once their view is left."""
    if timer.name is not TimerName.SYNC and (timer.epoch, timer.view) != (
        turn.state.epoch,
        turn.state.view,
    ):
        return
    match timer.name:
        case TimerName.PROPOSE:
            try_propose(turn)
        case TimerName.STAMP:
            try_prefer(turn)
        case TimerName.CANCEL:
            if voting.may_cancel(turn.state):
                turn.state = changed(turn.state, fails=turn.state.fails + 1)
                cast(turn, cancel_vote(turn.state.instance.id, turn.state.view))
        case TimerName.RETRY:
            catchup.repeat(turn)
            try_propose(turn)
        case TimerName.SYNC:
            catchup.tick(turn)
            go_on(turn)


def on_electorate(turn: Turn, electorate: Electorate) -> None:
    """The voters of a coming epoch; they are known one epoch ahead."""
    state = turn.state
    if state.epoch < electorate.epoch <= state.epoch + ELECTORATES_AHEAD_MAX:
        known = {**state.electorates, electorate.epoch: electorate}
        turn.state = changed(state, electorates=known)
    if turn.state.started:
        go_on(turn)


def on_voting_allowed(turn: Turn) -> None:
    """From now on we sign; the view starts over for us."""
    if turn.state.abstain:
        turn.state = changed(turn.state, abstain=False)
        enter_view(turn, turn.state.view)
        go_on(turn)


def on_started(turn: Turn) -> None:
    """Set out from what `initial` or `restore` knew."""
    if turn.state.started:
        return
    turn.state = changed(turn.state, started=True)
    turn.emit(EnterEpoch(turn.state.epoch, turn.state.instance))
    catchup.tick(turn)
    enter_view(turn, max(turn.state.view, 1))
    go_on(turn)


# --- moves --------------------------------------------------------------------------------------


def go_on(turn: Turn) -> None:
    """Something arrived: finalize what can be, then propose and PREFER if that was missing."""
    settle(turn)
    if turn.state.config.commit_rule is CommitRule.ON_EXECUTION:
        commit_late(turn)
    try_propose(turn)
    try_prefer(turn)


def commit_late(turn: Turn) -> None:
    """R3 in a sampled committee: the NOTAR came before its block could be executed."""
    for view, known in turn.state.views.items() if turn.state.may_sign else ():
        held = known.notar if known.final is None and known.committed is None else None
        if held is not None and voting.may_commit(turn.state, view):
            cast(turn, Vote(held.instance_id, VotePhase.COMMIT, *_subject(held)))


def enter_view(turn: Turn, view: int) -> None:
    """R0: holding NOTAR or NULL of the view before (any later certificate skips ahead)."""
    state = turn.state
    slim = catchup.without_old_votes(state, view)
    if view > state.view + 1:
        state = hearing.forgive(state, view)
    views = {**state.views, **slim}
    turn.state = state = changed(state, view=view, entered_ms=turn.now_ms, views=views)
    if state.me is None:
        return
    tip_timestamp_ms = voting.tip_timestamp_ms(state, turn.now_ms)
    turn.set_timer(TimerName.CANCEL, timing.cancel_at_ms(state, tip_timestamp_ms))
    turn.set_timer(TimerName.RETRY, timing.first_retry_ms(state, tip_timestamp_ms))
    if hearing.is_silent(state, state.instance.proposer(view)) and voting.may_cancel(state):
        cast(turn, cancel_vote(state.instance.id, view))  # R4: at once, and not a failure


def try_propose(turn: Turn) -> None:
    """R1: build on the tip when its time has come; at the last height repeat it (R10)."""
    state = turn.state
    if not voting.may_propose(state):
        return
    tip = voting.tip(state)
    if tip is None:
        return
    parent = state.blocks.get(tip.block_id)
    if parent is None or not state.is_executed(parent.id):
        catchup.need(turn, tip.block_id)
        return
    earliest_ms = voting.earliest_ms(state, parent)
    if turn.now_ms < earliest_ms:
        turn.set_timer(TimerName.PROPOSE, earliest_ms)
    elif voting.may_repeat(state.instance, parent):
        propose(turn, parent, tip.view)
    elif not state.at(state.view).building:
        turn.set_view(state.view, changed(state.at(state.view), building=True))
        stamp_ms = voting.stamp_ms(state, parent, turn.now_ms)
        turn.emit(
            BuildBlock(state.instance.id, state.epoch, state.view, parent, tip.view, stamp_ms)
        )


def propose(turn: Turn, block: BlockRef, justify_view: int) -> None:
    """R1, R8: once a view, recorded before it is sent."""
    state = turn.state
    assert state.me is not None, "may_propose said yes"
    proposal = Proposal(state.instance.id, state.view, justify_view, block, state.me)
    turn.set_view(state.view, state.at(state.view).with_own_proposal(proposal))
    turn.state = changed(turn.state, blocks={**turn.state.blocks, block.id: block})
    turn.emit(CastProposal(proposal))
    try_prefer(turn)


def try_prefer(turn: Turn) -> None:
    """R2 and R10: PREFER the first proposal that is justified, fits, is timely, and executes."""
    if not voting.may_prefer(turn.state):
        return
    for signed in turn.state.at(turn.state.view).proposals:
        if not accept(turn, signed.proposal):
            continue
        state, block = turn.state, signed.proposal.block
        if state.is_executed(block.id):
            subject = (state.view, block.height, block.id)
            cast(turn, Vote(state.instance.id, VotePhase.PREFER, *subject))
            return
        catchup.need(turn, block.id)


def accept(turn: Turn, proposal: Proposal) -> bool:
    """All of R2 and R10 but that the block executes. What may still come is waited for: the parent
    is asked for, and a stamp that is too early is looked at again."""
    state, block = turn.state, proposal.block
    if not voting.is_justified(state, proposal):
        return False
    if proposal.is_repeat:
        return voting.may_repeat(state.instance, block)
    parent = state.blocks.get(block.parent_id)
    if parent is None or not state.is_executed(parent.id):
        catchup.need(turn, block.parent_id)
        return False
    if not voting.fits_parent(state, proposal, parent):
        return False
    from_ms = voting.acceptable_from_ms(state, block)
    if turn.now_ms < from_ms < turn.now_ms + VIEW_TIMEOUT_MAX_MS:  # later, nobody is in this view
        turn.set_timer(TimerName.STAMP, from_ms)
    return turn.now_ms >= from_ms


def cast(turn: Turn, vote: Vote) -> None:
    """R7, R8: remember first; the shell writes it down before it signs. It counts when signed."""
    turn.set_view(vote.view, turn.state.at(vote.view).with_own_vote(vote))
    turn.emit(CastVote(vote, turn.state.epoch))


def settle(turn: Turn) -> None:
    """R6, R10: finalize all that can be; at the last height of the epoch go on in the next."""
    while turn.state.halted is None:
        if finality.has_ended(turn.state):
            if turn.state.epoch + 1 not in turn.state.electorates:
                return  # the shell decides electorates one epoch ahead; it is late
            begin_epoch(turn)
        elif not finality.finalize_next(turn):
            return


def begin_epoch(turn: Turn) -> None:
    """R10: the next instance starts at the final block; votes of the old one die with it."""
    state = turn.state
    after = hearing.carry_over(state, in_next_epoch(state))
    turn.state = recovery.replay(after, state.later_records)
    turn.emit(EnterEpoch(turn.state.epoch, turn.state.instance))
    enter_view(turn, turn.state.view)


def _subject(certificate: QuorumCertificate) -> tuple[int, int, Hash32]:
    return certificate.view, certificate.height, certificate.block_id
