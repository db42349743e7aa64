"""Why a signed proposal of either lane will never get a vote here: the rule it breaks, by name."""

from consensus.core import refusals as core
from consensus.errors import BlockMisplaced, InvalidProposal, MalformedCheckpoint
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.filters import term_named
from consensus.lanes.state import Lanes
from consensus.lanes.voters import term_end
from consensus.proposals import Proposal


def refusal_of_block(state: Lanes, proposal: Proposal, now_ms: int) -> InvalidProposal | None:
    """The first rule that a block of a term breaks; None where there is none that we know of."""
    term = term_named(state, proposal.instance_id)
    return None if term is None else core.refusal_of(term.core, proposal, now_ms)


def refusal_of_checkpoint(
    state: Lanes, proposal: Proposal, checkpoint: Checkpoint, now_ms: int
) -> InvalidProposal | None:
    """The same for the ballot: as a block of its lane, then for what it says of the chain.

    Whether its block may end the term is what the proof with it has to show.
    """
    if proposal.instance_id != state.ballot.instance.id:
        return None
    return core.refusal_of(state.ballot.core, proposal, now_ms) or misfit(state, checkpoint)


def misfit(state: Lanes, checkpoint: Checkpoint) -> InvalidProposal | None:
    """Height and kind of a checkpoint follow from the one before, the next set from the chain."""
    epoch_blocks, start = state.config.core.epoch_blocks, state.hard.height
    voters = state.epochs[state.ballot.instance.epoch]
    end, height = term_end(start, voters.term_blocks, epoch_blocks), checkpoint.block_height
    if not start <= height <= end:
        return BlockMisplaced("block height", min(max(height, start), end), height)
    if checkpoint.is_restart != (height != end):
        return BlockMisplaced("restart", int(height != end), int(checkpoint.is_restart))
    following = state.epochs.get(height // epoch_blocks)
    if following is not None and following.electorate.vset_hash != checkpoint.next_vset_hash:
        return MalformedCheckpoint("it names another next validator set")
    return None
