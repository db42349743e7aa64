"""A checkpoint is decided: blocks become hard, and what contradicts them is rolled back."""

from consensus.instance import BlockRef
from consensus.lanes import fast
from consensus.lanes.ballots import begin_ballot
from consensus.lanes.effects import FinalizeHard, RollBack
from consensus.lanes.records import lane_record_instance
from consensus.lanes.state import Term
from consensus.lanes.turn import LaneTurn
from consensus.memory import changed

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
    terms = tuple(term for term in state.terms if is_next(term, checkpoint.number, root))
    lost = tuple(
        block
        for term in state.terms
        for block in term.fast
        if not (block in path if term.number <= checkpoint.number else term in terms)
    )
    if lost:
        turn.emit(RollBack(checkpoint.number, root, lost))
    turn.emit(FinalizeHard(checkpoint, certificate, path))
    over = set(state.instances()) - {term.instance.id for term in terms}
    turn.state = changed(
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


def is_next(term: Term, decided: int, root: BlockRef) -> bool:
    """Whether a term is the one after this checkpoint: it began where that one ends.

    Above a checkpoint that cuts its own term short, even children of the hard block are void: that
    which began at the end of the term it cut, and those of the term itself.
    """
    return term.number == decided + 1 and term.instance.start.id == root.id


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
