"""Why a signed proposal will never get a vote here: the rule it breaks, by name.

The voting rules (voting.py) just do not say yes to it. The shell asks here, so that it can tell
the operator and charge whoever signed it.
"""

from consensus.core import voting
from consensus.core.state import State
from consensus.errors import BlockMisplaced, InvalidProposal, StampInFuture, StampTooEarly
from consensus.instance import BlockRef
from consensus.proposals import Proposal
from genesis.limits import VIEW_TIMEOUT_MAX_MS


def refusal_of(state: State, proposal: Proposal, now_ms: int) -> InvalidProposal | None:
    """The first rule broken; None where there is none, the parent is not known yet, or the
    proposal is of another instance: the epoch may have ended since it came."""
    if proposal.instance_id != state.instance.id:
        return None
    block, last_height = proposal.block, state.instance.last_height
    if voting.acceptable_from_ms(state, block) >= now_ms + VIEW_TIMEOUT_MAX_MS:
        return StampInFuture(now_ms=now_ms, given_ms=block.timestamp_ms)
    if proposal.is_repeat:
        good = voting.may_repeat(state.instance, block)
        return None if good else BlockMisplaced("height", last_height, block.height)
    if not voting.is_within_epoch(state.instance, block):
        return BlockMisplaced("height", last_height, block.height)
    parent = state.blocks.get(block.parent_id)
    return None if parent is None else _misfit(state, proposal, parent)


def _misfit(state: State, proposal: Proposal, parent: BlockRef) -> InvalidProposal | None:
    """R2, as `voting.fits_parent`, field by field."""
    block, earliest_ms = proposal.block, voting.earliest_ms(state, parent)
    proposer = state.instance.electorate.place(proposal.proposer_index)
    places = (
        ("epoch", state.epoch, block.epoch),
        ("proposer", proposer, block.proposer_index),
        ("parent view", proposal.justify_view, block.parent_view),
        ("height", parent.height + 1, block.height),
    )
    for field, expected, given in places:
        if given != expected:
            return BlockMisplaced(field, expected, given)
    if block.timestamp_ms < earliest_ms:
        return StampTooEarly(earliest_ms=earliest_ms, given_ms=block.timestamp_ms)
    return None
