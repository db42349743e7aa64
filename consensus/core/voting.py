"""The voting rules R1-R7 and R10 of consensus/README.md, alone on one page: may we, yes or no.

Everything here reads the state and changes nothing. A vote or proposal leaves this node only when
`may_propose`, `may_prefer`, `may_commit` or `may_cancel` said yes, and in one view they never say
yes to both COMMIT and CANCEL, nor twice to the same phase (R7).
"""

from dataclasses import dataclass
from typing import assert_never

from consensus.core.state import CommitRule, State
from consensus.instance import BlockRef, Instance
from consensus.proposals import Proposal
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class Tip:
    """What the next block builds on, and the view of its NOTAR."""

    view: int
    block_id: Hash32


# --- once per view: R1, R2, R3, R4, R7 ---------------------------------------------------------


def may_propose(state: State) -> bool:
    """R1: it is our turn, and one proposal per view."""
    own = state.at(state.view)
    return (
        state.may_sign
        and state.instance.proposer(state.view) == state.me
        and own.proposed is None
        and own.cancelled is None
    )


def may_prefer(state: State) -> bool:
    """R2: at most one PREFER in a view, and none after CANCEL."""
    own = state.at(state.view)
    return state.may_sign and own.preferred is None and own.cancelled is None


def may_commit(state: State, view: int) -> bool:
    """R3: once, to a block with a NOTAR that we did not refuse, and never after CANCEL.

    `CommitRule` says how soon.
    """
    own = state.at(view)
    if not state.may_sign or own.committed is not None or own.cancelled is not None:
        return False
    if own.notarized in state.rejected:
        return False  # a quorum of others obeys other rules: it does so without us
    match state.config.commit_rule:
        case CommitRule.ON_NOTAR:
            return view >= state.view
        case CommitRule.ON_EXECUTION:
            return own.notarized in state.executed
        case unknown:
            assert_never(unknown)


def may_cancel(state: State) -> bool:
    """R4: once, and never after COMMIT. CANCEL after PREFER is legal."""
    own = state.at(state.view)
    return state.may_sign and own.committed is None and own.cancelled is None


# --- what a proposal must rest on: R1, R2, R10 --------------------------------------------------


def tip(state: State) -> Tip | None:
    """R1: the highest notarized view such that every later one is nullified; None: a gap."""
    for view in range(state.view - 1, state.final_view - 1, -1):
        block_id = notarized_at(state, view)
        if block_id is not None:
            return Tip(view, block_id)
        if state.at(view).null is None:
            return None
    return None


def notarized_at(state: State, view: int) -> Hash32 | None:
    """The block with a NOTAR at `view`; the last final block stands for its own view, or view 0."""
    if view == state.final_view:
        return state.final.id
    return state.at(view).notarized


def is_nullified_between(state: State, low: int, high: int) -> bool:
    """NULL(u) is held for every low < u < high."""
    return all(state.at(view).null is not None for view in range(low + 1, high))


def has_notar(state: State, proposal: Proposal) -> bool:
    """R2: the parent is NOTAR at the justifying view. R10: the repeated block itself is."""
    base = proposal.block.id if proposal.is_repeat else proposal.block.parent_id
    return notarized_at(state, proposal.justify_view) == base


def is_justified(state: State, proposal: Proposal) -> bool:
    """R2 and R10: it is the proposer's turn, and the certificates it rests on are held."""
    return (
        proposal.instance_id == state.instance.id
        and proposal.proposer_index == state.instance.proposer(proposal.view)
        and has_notar(state, proposal)
        and is_nullified_between(state, proposal.justify_view, proposal.view)
    )


def may_repeat(instance: Instance, block: BlockRef) -> bool:
    """R10: only a block of the last height is proposed again, and then nothing else is built."""
    return block.height >= instance.last_height


def is_within_epoch(instance: Instance, block: BlockRef) -> bool:
    """R10: a height above the last is invalid: nothing is built on it before it is final."""
    return instance.first_height <= block.height <= instance.last_height


def fits_parent(state: State, proposal: Proposal, parent: BlockRef) -> bool:
    """R2 for a fresh block: its place follows from its parent's and from the proposal's."""
    block = proposal.block
    return (
        block.view == proposal.view
        and block.epoch == state.epoch
        and block.proposer_index == state.instance.electorate.place(proposal.proposer_index)
        and block.parent_id == parent.id
        and block.parent_view == proposal.justify_view
        and block.height == parent.height + 1
        and is_within_epoch(state.instance, block)
        and block.timestamp_ms >= parent.timestamp_ms + state.config.block_time_ms
    )


# --- time: R1, R2 -------------------------------------------------------------------------------


def tip_timestamp_ms(state: State, now_ms: int) -> int:
    """R4: a view's time counts from here; 0 if we cannot know what is built on.

    A tip whose block is not here yet, only its NOTAR, is young: counted as old, it would have us
    CANCEL before its child may be proposed.
    """
    held = tip(state)
    if held is None:
        return 0
    block = state.blocks.get(held.block_id)
    return now_ms if block is None else block.timestamp_ms


def earliest_ms(state: State, parent: BlockRef) -> int:
    """R1: nobody proposes before this, be it a new block or a repeated one."""
    return parent.timestamp_ms + state.config.block_time_ms


def stamp_ms(state: State, parent: BlockRef, now_ms: int) -> int:
    """R1: the timestamp of a new block; the lag keeps the interval steady under clock offsets."""
    return max(earliest_ms(state, parent), now_ms - state.config.block_time_ms)


def acceptable_from_ms(state: State, block: BlockRef) -> int:
    """R2: a stamp is good from here on; before, the block is early, which is no offence."""
    return block.timestamp_ms - state.config.block_time_ms
