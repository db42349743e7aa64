"""The fast lane: the core of one term, what it learns, and what of its wishes goes out."""

from dataclasses import replace
from typing import assert_never

from consensus.certificates import QuorumCertificate
from consensus.core import effects as core
from consensus.core import step as core_step
from consensus.core.effects import Effect, TimerName
from consensus.core.events import BlockExecuted, Event, Started
from consensus.core.recovery import replay
from consensus.core.state import CommitRule
from consensus.core.state import State as CoreState
from consensus.instance import BlockRef, Instance
from consensus.lanes import rules
from consensus.lanes.closes import proves_tip
from consensus.lanes.closing import close, convict, silenced
from consensus.lanes.effects import (
    BeginInstance,
    ExtendFast,
    FetchBlocks,
    ForwardCertificate,
    InInstance,
)
from consensus.lanes.records import (
    CheckpointHard,
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    lane_record_instance,
)
from consensus.lanes.state import Cause, Closed, Lanes, Term, Tip
from consensus.lanes.turn import LaneTurn
from consensus.lanes.voters import EpochVoters, term_instance
from consensus.memory import changed
from consensus.records import CertificateSeen, Record
from consensus.votes import Lane, VotePhase
from genesis.limits import TERM_CERTIFICATES_MAX
from native.hashing import Hash32

ASKED_BEFORE = -2
"""A `synced_height` that no chain has: a term that begins has nothing to ask for yet."""


# --- a term begins ------------------------------------------------------------------------------


def begin_term(turn: LaneTurn, start: BlockRef) -> bool:
    """The next term, on the last block of the one before or where a restart put us."""
    state = turn.state
    voters = voters_after(state, start.height)
    if voters is None:
        return False
    number, config = state.number + len(state.terms), state.config
    instance = term_instance(
        number,
        start,
        voters,
        genesis_hash=config.core.genesis_hash,
        epoch_blocks=config.core.epoch_blocks,
    )
    records, closed = records_of(state, instance)
    fast = replace(config.core, commit_rule=CommitRule.ON_EXECUTION)
    blank = CoreState(
        config=fast,
        instance=instance,
        electorates={},
        me=instance.electorate.index_of(fast.validator),
        abstain=state.abstain,
        final=start,
        blocks={start.id: start},
        executed=frozenset((start.id,)),
    )
    known = replay(blank, records) if records else changed(blank, synced_height=ASKED_BEFORE)
    term = Term(number, known, Tip(0, start.id, None), turn.now_ms, turn.now_ms)
    turn.state = changed(state, terms=(*state.terms, term))
    turn.emit(BeginInstance(Lane.FAST, number, instance))
    for view in known.views.values():
        for certificate in view.certificates():
            learn(turn, number, certificate)
    if closed is not None:
        _close_again(turn, number, closed)
    for block in state.tree.above(start.id):
        if block.height <= instance.last_height:
            feed(turn, number, BlockExecuted(block, turn.now_ms))
    feed(turn, number, Started(turn.now_ms))
    return True


def voters_after(state: Lanes, height: int) -> EpochVoters | None:
    """Who votes on the block after `height`: a term lies within one epoch."""
    return state.epochs.get(height // state.config.core.epoch_blocks)


def records_of(state: Lanes, instance: Instance) -> tuple[tuple[Record, ...], TermClosed | None]:
    """What our log says of one instance: what we signed in it, and whether we closed it."""
    ours: list[LaneRecord] = [
        record for record in state.records if lane_record_instance(record) == instance.id
    ]
    closed = next((record for record in ours if isinstance(record, TermClosed)), None)
    others = TermClosed | CheckpointSeen | CheckpointHard
    return tuple(record for record in ours if not isinstance(record, others)), closed


def _close_again(turn: LaneTurn, number: int, record: TermClosed) -> None:
    """We closed it before a crash. Time counts anew: waiting longer harms nobody.

    The certificate of the tip is in the log, written before the word was given; the core may hold
    another one of that view.
    """
    term = turn.term(number)
    notar = next(
        (
            each.certificate
            for each in turn.state.records
            if isinstance(each, CertificateSeen)
            and each.certificate.view == record.tip_view
            and proves_tip(each.certificate, record.instance_id, record.tip_id)
        ),
        None,
    )
    closed = Closed(turn.now_ms, Cause.RESTORED, record, notar, 0)
    turn.put(changed(term, closed=closed, core=silenced(term.core)))


# --- its core -----------------------------------------------------------------------------------


def feed(turn: LaneTurn, number: int, event: Event) -> None:
    """One step of a term's core; what it asks for goes out as far as the term is open."""
    term = turn.term(number)
    after, effects = core_step(term.core, event)
    if after is not term.core:
        turn.put(changed(term, core=after))
    for effect in effects:
        relay(turn, number, effect)


def relay(turn: LaneTurn, number: int, effect: Effect) -> None:
    """Nothing that is signed leaves a term that is closed or has ended."""
    term = turn.term(number)
    name = term.instance.id
    match effect:
        case core.PersistCertificate(certificate):
            turn.log(certificate)
            learn(turn, number, certificate)
        case core.Finalize(certificate, blocks):
            extend(turn, number, certificate, blocks)
        case core.Halt():
            close(turn, number, Cause.CONFLICT)
        case core.ReportEquivocation(evidence):
            turn.accuse(Lane.FAST, number, evidence)
        case core.SetTimer(timer):
            if term.is_open or (timer.name is TimerName.SYNC and term.boundary is None):
                turn.emit(InInstance(name, effect))
        case core.CastVote() | core.CastProposal() | core.RebroadcastProposal() | core.BuildBlock():
            if term.is_open:
                turn.emit(InInstance(name, effect))
        case (
            core.BroadcastCertificate()
            | core.SendCertificate()
            | core.CheckBlock()
            | core.FetchBlock()
            | core.RequestCertificates()
        ):
            turn.emit(InInstance(name, effect))
        case core.EnterEpoch():
            pass  # BeginInstance has said so
        case _:
            assert_never(effect)


def extend(
    turn: LaneTurn, number: int, certificate: QuorumCertificate, blocks: tuple[BlockRef, ...]
) -> None:
    """New final blocks, executed: the stall clock starts anew, and open terms show them."""
    term = turn.put(changed(turn.term(number), last_final_ms=turn.now_ms))
    if term.closed is None and not rules.is_abandoned(term) and len(term.finals) < 2:
        turn.put(changed(term, fast=(*term.fast, *blocks)))
        turn.emit(ExtendFast(number, certificate, blocks))


# --- what it learns -----------------------------------------------------------------------------


def learn(turn: LaneTurn, number: int, certificate: QuorumCertificate) -> None:
    """NOTAR and FINAL move tips, and the core need not hold them all: a captured committee has two
    in one view. What is new is logged; a FINAL, or anything of a closed term, goes to everybody."""
    if certificate.phase is VotePhase.CANCEL:
        return
    before = turn.term(number)
    if is_executed(turn.state, before, certificate):
        place(turn, number, certificate)
    else:
        _keep_pending(turn, number, certificate)
    if turn.term(number) is before:
        return
    turn.log(certificate)
    if certificate.phase is VotePhase.COMMIT or before.closed is not None:
        turn.emit(ForwardCertificate(certificate))


def is_executed(state: Lanes, term: Term, certificate: QuorumCertificate) -> bool:
    """The block and all between it and the start of the term are executed here."""
    return (
        certificate.height <= term.instance.last_height
        and certificate.block_id != term.instance.start.id
        and state.tree.descends(certificate.block_id, term.instance.start.id)
    )


def place(turn: LaneTurn, number: int, certificate: QuorumCertificate) -> None:
    """An executed block is notarized: the tip may rise, the term may end or contradict itself."""
    term = turn.term(number)
    if rules.rises_above(certificate, term.tip):
        tip = Tip(certificate.view, certificate.block_id, certificate)
        term = turn.put(changed(term, tip=tip))
    if certificate.phase is not VotePhase.COMMIT:
        return
    for commit in certificate.votes():
        signed = term.closes.get(commit.voter_index)
        if signed is not None:
            convict(turn, number, signed, commit)
    term = turn.term(number)
    finals = _with_final(turn.state, term, certificate)
    if finals != term.finals:
        term = turn.put(changed(term, finals=finals))
    if term.boundary is None and certificate.height == term.instance.last_height:
        turn.put(changed(term, boundary=certificate, core=silenced(term.core)))


def on_executed(turn: LaneTurn, block: BlockRef) -> None:
    """Tips first: what the core COMMITs to now, we must stand on."""
    state = turn.state
    tree = state.tree.with_block(block)
    if tree is state.tree:
        return
    turn.state = changed(state, tree=tree, wanted=state.wanted - {block.id})
    if not state.started:
        return
    for term in state.terms:
        instance = term.instance
        if block.height > instance.last_height or not tree.descends(block.id, instance.start.id):
            continue
        ready = [held for (name, _), held in term.pending.items() if name == block.id]
        if ready:
            kept = {key: held for key, held in term.pending.items() if key[0] != block.id}
            turn.put(changed(term, pending=kept))
        for certificate in ready:
            place(turn, term.number, certificate)
        feed(turn, term.number, BlockExecuted(block, turn.now_ms))


def want_blocks(turn: LaneTurn, number: int) -> None:
    """Blocks with a certificate that are not executed here, however strange the certificate."""
    for name, _ in turn.term(number).pending:
        want_block(turn, name)


def want_block(turn: LaneTurn, block_id: Hash32) -> None:
    """Ask once per tick."""
    state = turn.state
    if block_id in state.tree or block_id in state.wanted or block_id in state.tree.rejected:
        return
    turn.state = changed(state, wanted=state.wanted | {block_id})
    turn.emit(FetchBlocks(block_id))


def _keep_pending(turn: LaneTurn, number: int, certificate: QuorumCertificate) -> None:
    term, key = turn.term(number), (certificate.block_id, certificate.phase)
    held = term.pending.get(key)
    if held is not None and held.view >= certificate.view:
        return
    kept = {other: each for other, each in term.pending.items() if other != key}
    if len(kept) >= TERM_CERTIFICATES_MAX:
        del kept[next(iter(kept))]
    turn.put(changed(term, pending={**kept, key: certificate}))
    if certificate.phase is VotePhase.COMMIT and certificate.block_id in turn.state.tree.rejected:
        close(turn, number, Cause.CONFLICT)


def _with_final(
    state: Lanes, term: Term, certificate: QuorumCertificate
) -> tuple[QuorumCertificate, ...]:
    """The highest FINAL first; a second one only if it lies on another branch."""
    if not term.finals:
        return (certificate,)
    highest = term.finals[0]
    if state.tree.descends(highest.block_id, certificate.block_id):
        return term.finals
    if state.tree.descends(certificate.block_id, highest.block_id):
        return (certificate, *term.finals[1:])
    return (highest, certificate)
