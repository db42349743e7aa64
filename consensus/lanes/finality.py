"""A checkpoint is decided: blocks become hard, and what contradicts them is rolled back."""

from dataclasses import replace

from consensus.instance import BlockRef
from consensus.lanes import fast
from consensus.lanes.ballots import begin_ballot
from consensus.lanes.effects import FinalizeHard, RollBack
from consensus.lanes.records import lane_record_instance
from consensus.lanes.state import Lanes, Term
from consensus.lanes.turn import LaneTurn

LEAD_MAX = 2
"""Terms that run ahead of the hard lane: so many checkpoints can be rolled back, and no more."""


def decide(turn: LaneTurn) -> bool:
    """Act on the ballot's FINAL; its block is executed, or the core had not spoken of it."""
    if turn.decided is None or turn.state.halted is not None:
        return False
    (checkpoint, certificate), turn.decided = turn.decided, None
    state = turn.state
    path = state.tree.path(state.hard.id, checkpoint.block_id)
    assert path is not None, "a checkpoint is judged on an executed block"
    root = path[-1] if path else state.hard
    lost = tuple(
        block
        for term in state.terms
        for block in term.fast
        if not stays(state, term, block, path, checkpoint.number)
    )
    if lost:
        turn.emit(RollBack(checkpoint.number, root, lost))
    turn.emit(FinalizeHard(checkpoint, certificate, path))
    terms = tuple(
        term
        for term in state.terms
        if term.number == checkpoint.number + 1 and term.instance.start.id == root.id
    )
    over = set(state.instances()) - {term.instance.id for term in terms}
    turn.state = replace(
        state,
        checkpoint=checkpoint,
        decision=certificate,
        tree=state.tree.at_root(root),
        terms=terms,
        records=tuple(
            record for record in state.records if lane_record_instance(record) not in over
        ),
        epochs={
            epoch: voters
            for epoch, voters in state.epochs.items()
            if epoch >= root.height // state.config.core.epoch_blocks
        },
        hard_ms=turn.now_ms,
        wanted=frozenset(),
    )
    begin_ballot(turn)
    return True


def stays(
    state: Lanes, term: Term, block: BlockRef, path: tuple[BlockRef, ...], decided: int
) -> bool:
    """Whether a fast block survives: below the checkpoint, or in a term that starts there.

    Above a checkpoint that cuts its own term short, even a child of the hard block is void.
    """
    if term.number <= decided:
        return block in path
    return state.tree.descends(block.id, path[-1].id if path else state.hard.id)


def go_on(turn: LaneTurn) -> bool:
    """The next term, if the last one has ended and the lead of two checkpoints allows it."""
    state = turn.state
    if not state.terms:
        return fast.begin_term(turn, state.hard)
    last = state.terms[-1]
    if len(state.terms) >= LEAD_MAX or last.boundary is None or len(last.finals) > 1:
        return False
    end = state.tree.path(last.instance.start.id, last.boundary.block_id)
    return end is not None and fast.begin_term(turn, end[-1])
