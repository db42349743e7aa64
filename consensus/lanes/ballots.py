"""The hard lane: the ballot on the next checkpoint, and what the core of it cannot know.

The core votes on checkpoints as on blocks. "Executed" means here: one of the rules (a), (b), (c)
holds. None of them ever ceases to hold, so the core may remember the answer.
"""

from typing import assert_never

from consensus.certificates import QuorumCertificate
from consensus.core import effects as core
from consensus.core import step as core_step
from consensus.core.effects import Effect, Timer, TimerName
from consensus.core.events import (
    BlockBuilt,
    BlockExecuted,
    BlockRejected,
    CertificateAccepted,
    Event,
    ProposalAccepted,
    Started,
    TimerFired,
    VotingAllowed,
)
from consensus.core.filters import wants_proposal
from consensus.core.recovery import replay
from consensus.core.state import State as CoreState
from consensus.errors import InvalidCertificate, InvalidProof
from consensus.lanes import fast, rules
from consensus.lanes.checkpoints import Checkpoint, checkpoint_ref
from consensus.lanes.closing import add_close, close
from consensus.lanes.effects import (
    BeginInstance,
    CastCheckpoint,
    FetchCheckpoint,
    ForwardCertificate,
    InInstance,
    Persist,
    RebroadcastCheckpoint,
)
from consensus.lanes.events import CheckpointProposed
from consensus.lanes.proofs import CheckpointProof, CommitteeClosed, check_proof
from consensus.lanes.records import CheckpointSeen, lane_record_instance
from consensus.lanes.refusals import misfit
from consensus.lanes.state import Ballot, Cause, Lanes, Proofs
from consensus.lanes.turn import LaneTurn
from consensus.lanes.voters import ballot_instance
from consensus.memory import changed
from consensus.proposals import Proposal
from consensus.votes import Lane, VotePhase
from genesis.limits import CHECKPOINTS_KNOWN_MAX
from native.hashing import Hash32

SYNC = Timer(TimerName.SYNC, 0, 0)
Outgoing = (
    core.CastVote
    | core.CastProposal
    | core.RebroadcastProposal
    | core.BroadcastCertificate
    | core.SendCertificate
    | core.SetTimer
    | core.RequestCertificates
)


# --- the ballot begins, and is armed ------------------------------------------------------------


def begin_ballot(turn: LaneTurn) -> None:
    """Listening at once, but without timers or votes until there is something to decide."""
    state = turn.state
    voters = fast.voters_after(state, state.hard.height)
    assert voters is not None, "the voters of an epoch are known one epoch ahead"
    instance = ballot_instance(
        state.checkpoint, voters, genesis_hash=state.config.core.genesis_hash
    )
    records, _ = fast.records_of(state, instance)
    start = instance.start
    blank = CoreState(
        config=state.config.core,
        instance=instance,
        electorates={},
        me=instance.electorate.index_of(state.config.core.validator),
        abstain=True,
        final=start,
        blocks={start.id: start},
        executed=frozenset((start.id,)),
    )
    checkpoints = {
        record.checkpoint.id: record.checkpoint
        for record in state.records
        if isinstance(record, CheckpointSeen) and lane_record_instance(record) == instance.id
    }
    known = replay(blank, records)
    notarized = {held.notarized for held in known.views.values() if held.notarized is not None}
    turn.put_ballot(Ballot(known, False, checkpoints, {}, frozenset(notarized)))
    turn.emit(BeginInstance(Lane.HARD, state.number, instance))
    feed(turn, Started(turn.now_ms))


def arm(turn: LaneTurn) -> None:
    """From now on we vote and our timers run: we could propose, or others have gone ahead."""
    state = turn.state
    ballot, known = state.ballot, state.ballot.core
    if ballot.armed or state.abstain or known.me is None:
        return
    if not (best_proof(turn) or known.view > 1 or known.executed - {known.final.id}):
        return
    turn.put_ballot(changed(ballot, armed=True))
    feed(turn, VotingAllowed(turn.now_ms))
    feed(turn, TimerFired(SYNC, turn.now_ms))


def best_proof(turn: LaneTurn) -> CheckpointProof | None:
    """What we could propose now."""
    state = turn.state
    term = state.term(state.number)
    return None if term is None else rules.best_proof(term, state.config, turn.now_ms)


# --- its core -----------------------------------------------------------------------------------


def feed(turn: LaneTurn, event: Event) -> None:
    """One step of the ballot's core."""
    ballot = turn.state.ballot
    after, effects = core_step(ballot.core, event)
    if after is not ballot.core:
        turn.put_ballot(changed(ballot, core=after))
    for effect in effects:
        relay(turn, effect)


def relay(turn: LaneTurn, effect: Effect) -> None:
    """What it asks for goes out as it is, but for what only we can answer or complete."""
    ballot = turn.state.ballot
    match effect:
        case core.PersistCertificate(certificate):
            turn.log(certificate)
            if certificate.phase is not VotePhase.CANCEL:
                notarized = ballot.notarized | {certificate.block_id}
                turn.put_ballot(changed(ballot, notarized=notarized))
        case core.BuildBlock():
            turn.put_ballot(changed(ballot, asked=effect))
        case core.FetchBlock(checkpoint_id):
            _fetch(turn, checkpoint_id)
        case core.Finalize(certificate, blocks):
            if blocks:  # else it is the same FINAL in a later view
                turn.decided = (ballot.checkpoints[blocks[-1].id], certificate)
        case core.ReportEquivocation(evidence):
            turn.accuse(Lane.HARD, turn.state.number, evidence)
        case core.Halt(reason, certificate):
            turn.halt(reason, certificate)
        case core.CheckBlock() | core.EnterEpoch():
            pass  # `offer` answers as soon as a rule holds, and BeginInstance has said it
        case _:
            _send(turn, effect)


def _send(turn: LaneTurn, effect: Outgoing) -> None:
    """Proposals take checkpoint and proof along; unarmed, we ask nobody and set no timers."""
    ballot = turn.state.ballot
    match effect:
        case core.CastProposal(proposal):
            for contents in _contents(ballot, proposal):
                turn.emit(CastCheckpoint(proposal, *contents))
        case core.RebroadcastProposal(signed):
            for contents in _contents(ballot, signed.proposal):
                turn.emit(RebroadcastCheckpoint(signed, *contents))
        case core.SetTimer() | core.RequestCertificates():
            if ballot.armed:
                turn.emit(InInstance(ballot.instance.id, effect))
        case core.CastVote() | core.BroadcastCertificate() | core.SendCertificate():
            turn.emit(InInstance(ballot.instance.id, effect))
        case _:
            assert_never(effect)


def _contents(
    ballot: Ballot, proposal: Proposal
) -> list[tuple[Checkpoint, CheckpointProof | None]]:
    """None if we forgot the checkpoint; a repetition (R10) needs no proof: its NOTAR is held."""
    checkpoint = ballot.checkpoints.get(proposal.block.id)
    if checkpoint is None:
        return []
    proofs = ballot.proofs.get(checkpoint.id, Proofs())
    return [(checkpoint, None if proposal.is_repeat else proofs.best)]


def _fetch(turn: LaneTurn, checkpoint_id: Hash32) -> None:
    checkpoint = turn.state.ballot.checkpoints.get(checkpoint_id)
    if checkpoint is None:
        turn.emit(FetchCheckpoint(checkpoint_id))
    else:
        fast.want_block(turn, checkpoint.block_id)


# --- proposals ----------------------------------------------------------------------------------


def on_proposed(turn: LaneTurn, event: CheckpointProposed) -> None:
    """Remember checkpoint and proof, learn what the proof shows, then let the core judge."""
    ballot, signed, checkpoint = turn.state.ballot, event.signed, event.checkpoint
    if signed.proposal.block != checkpoint_ref(checkpoint) or not wants_proposal(
        ballot.core, signed.proposal
    ):
        return
    remember(turn, checkpoint)
    if event.proof is not None:
        _weigh(turn, checkpoint, event.proof)
    fast.want_block(turn, checkpoint.block_id)
    feed(turn, ProposalAccepted(signed, turn.now_ms))


def remember(turn: LaneTurn, checkpoint: Checkpoint) -> None:
    """Bounded: what belongs to the lowest view goes first, unless it is notarized."""
    ballot = turn.state.ballot
    if checkpoint.id in ballot.checkpoints:
        return
    kept = dict(ballot.checkpoints)
    if len(kept) >= CHECKPOINTS_KNOWN_MAX:
        others = (each for each in kept.values() if each.id not in ballot.notarized)
        del kept[min(others, key=lambda each: (each.view, each.id)).id]
    proofs = {name: held for name, held in ballot.proofs.items() if name in kept}
    checkpoints = {**kept, checkpoint.id: checkpoint}
    turn.put_ballot(changed(ballot, checkpoints=checkpoints, proofs=proofs))


def _weigh(turn: LaneTurn, checkpoint: Checkpoint, proof: CheckpointProof) -> None:
    """A valid proof is kept and taught to the term; that of rule (b) closes it here, too."""
    state = turn.state
    term = state.term(state.number)
    if term is None:
        return
    try:
        check_proof(proof, checkpoint, term.instance)
    except (InvalidProof, InvalidCertificate):
        return
    _keep_proof(turn, checkpoint, proof)
    if proof.certificate is not None:
        fast.learn(turn, term.number, proof.certificate)
    if isinstance(proof, CommitteeClosed):
        for signed in proof.closes:
            add_close(turn, term.number, signed)
        close(turn, term.number, Cause.RESTART)


def _keep_proof(turn: LaneTurn, checkpoint: Checkpoint, proof: CheckpointProof) -> None:
    ballot = turn.state.ballot
    held = ballot.proofs.get(checkpoint.id, Proofs()).with_proof(proof)
    turn.put_ballot(changed(ballot, proofs={**ballot.proofs, checkpoint.id: held}))


def build(turn: LaneTurn) -> None:
    """R1: the core wants a checkpoint on the last one; it gets the block a rule allows."""
    state = turn.state
    asked, ballot = state.ballot.asked, state.ballot
    if asked is None or asked.view != ballot.core.view or ballot.core.me is None:
        return
    proof, term = best_proof(turn), state.term(state.number)
    if proof is None or term is None:
        return
    start, certificate = term.instance.start, proof.certificate
    height = start.height if certificate is None else certificate.height
    following = fast.voters_after(state, height)
    if following is None:
        return
    checkpoint = Checkpoint(
        number=state.number,
        parent_id=state.checkpoint.id,
        block_id=start.id if certificate is None else certificate.block_id,
        block_height=height,
        is_restart=height != term.instance.last_height,
        next_vset_hash=following.electorate.vset_hash,
        epoch=ballot.core.epoch,
        view=asked.view,
        proposer_index=ballot.core.me,
        timestamp_ms=asked.timestamp_ms,
    )
    turn.put_ballot(changed(ballot, asked=None))
    remember(turn, checkpoint)
    _keep_proof(turn, checkpoint, proof)
    turn.emit(Persist(CheckpointSeen(asked.instance_id, checkpoint)))
    feed(turn, BlockBuilt(asked.instance_id, asked.view, checkpoint_ref(checkpoint), turn.now_ms))


# --- judging ------------------------------------------------------------------------------------


def offer(turn: LaneTurn) -> None:
    """Tell the core which checkpoints a rule allows; durable before a vote rests on them."""
    for checkpoint in tuple(turn.state.ballot.checkpoints.values()):
        state, known = turn.state, turn.state.ballot.core
        if checkpoint.id in known.executed or checkpoint.id in known.rejected:
            continue
        if checkpoint.block_id in state.tree.rejected:
            feed(turn, BlockRejected(checkpoint.id, turn.now_ms))
        elif has_its_place(state, checkpoint) and _is_allowed(turn, checkpoint):
            turn.emit(Persist(CheckpointSeen(state.ballot.instance.id, checkpoint)))
            feed(turn, BlockExecuted(checkpoint_ref(checkpoint), turn.now_ms))


def has_its_place(state: Lanes, checkpoint: Checkpoint) -> bool:
    """It follows the last checkpoint, ends this term, and its block is executed here."""
    height, start = checkpoint.block_height, state.hard
    path = state.tree.path(start.id, checkpoint.block_id)
    return (
        path is not None
        and len(path) == height - start.height
        and checkpoint.number == state.number
        and checkpoint.parent_id == state.checkpoint.id
        and fast.voters_after(state, height) is not None
        and misfit(state, checkpoint) is None
    )


def _is_allowed(turn: LaneTurn, checkpoint: Checkpoint) -> bool:
    """R10 needs no more than a NOTAR. Whoever is shown too low a tip shows its own."""
    state = turn.state
    ballot, term = state.ballot, state.term(state.number)
    if checkpoint.id in ballot.notarized:
        return True
    if term is None:
        return False
    proofs, config = ballot.proofs.get(checkpoint.id, Proofs()), state.config
    if rules.may_prefer_checkpoint(term, checkpoint, proofs, config, turn.now_ms):
        return True
    tip = rules.own_tip(term)
    waited = rules.has_waited(term, config, turn.now_ms)
    if waited and tip.notar is not None and ballot.objected_view < ballot.core.view:
        turn.put_ballot(changed(ballot, objected_view=ballot.core.view))
        turn.emit(ForwardCertificate(tip.notar))
    return False


def on_fetched(turn: LaneTurn, checkpoint: Checkpoint) -> None:
    """A checkpoint with a certificate, whose proposal we missed."""
    if checkpoint.id in turn.state.ballot.notarized:
        remember(turn, checkpoint)
        fast.want_block(turn, checkpoint.block_id)


def want_blocks(turn: LaneTurn) -> None:
    """The blocks of checkpoints that are proposed here and now, or notarized."""
    ballot = turn.state.ballot
    current = {signed.proposal.block.id for signed in ballot.core.at(ballot.core.view).proposals}
    for name in sorted(current | ballot.notarized):
        if name in ballot.checkpoints:
            fast.want_block(turn, ballot.checkpoints[name].block_id)
        else:
            turn.emit(FetchCheckpoint(name))


def on_decision(turn: LaneTurn, checkpoint: Checkpoint, certificate: QuorumCertificate) -> None:
    """We were behind: the FINAL of our ballot, and what it decided. One of a later ballot decides
    for those between, too: old ones are not kept for ever. Its blocks must be executed by then."""
    state = turn.state
    if checkpoint.number > state.number:
        same_epoch = checkpoint.epoch == state.ballot.instance.epoch
        if same_epoch and state.tree.descends(checkpoint.block_id, state.hard.id):
            turn.decided = (checkpoint, certificate)
    elif certificate.block_id == checkpoint.id:
        remember(turn, checkpoint)
        feed(turn, CertificateAccepted(certificate, turn.now_ms))
        fast.want_block(turn, checkpoint.block_id)
