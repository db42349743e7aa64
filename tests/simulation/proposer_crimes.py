"""What Byzantine proposers do: one crime per function, True if it could be committed."""

from dataclasses import replace

from consensus.instance import BlockRef, Instance
from consensus.votes import Vote, VotePhase
from native.hashing import ZERO_HASH
from tests.builders_consensus import GENESIS_HASH
from tests.simulation.inhabitants import Inhabitant
from tests.simulation.means import Means
from tests.simulation.messages import Flaw


def equivocate(means: Means, node: Inhabitant) -> bool:
    tip = means.tip(node)
    if tip is None:
        return False
    for half in (0, 1):
        block = means.child(node, *tip)
        means.propose(node, block, block.parent_view, half=half)
    return True


def wrong_parent(means: Means, node: Inhabitant) -> bool:
    """Beside the tip, or on any block, claimed to be NOTAR in the last view or long ago."""
    arena, state, tip = means.arena, node.state, means.tip(node)
    parent = means.pick(node)
    if tip is not None and arena.chance(0.5):
        parent = state.blocks.get(tip[0].parent_id, parent)
    if parent is None:
        return False
    claimed = parent.view if parent.epoch == state.epoch else 0
    if arena.chance(0.7):
        claimed = state.view - 1
    return means.propose(node, means.child(node, parent, claimed), claimed)


def stale_parent(means: Means, node: Inhabitant) -> bool:
    """On a block that really was NOTAR in the view named, with another NOTAR since."""
    tip = means.tip(node)
    parent = None if tip is None else node.state.blocks.get(tip[0].parent_id)
    if parent is None:
        return False
    view = parent.view if parent.epoch == node.state.epoch else 0
    return means.propose(node, means.child(node, parent, view), view)


def stamp_early(means: Means, node: Inhabitant) -> bool:
    tip = means.tip(node)
    if tip is None:
        return False
    block = means.child(node, *tip, timestamp_ms=tip[0].timestamp_ms + 1)
    return means.propose(node, block, block.parent_view)


def stamp_late(means: Means, node: Inhabitant) -> bool:
    tip = means.tip(node)
    if tip is None:
        return False
    later = node.local_ms + (1 + means.arena.below(9)) * node.config.block_time_ms
    return means.propose(node, means.child(node, *tip, timestamp_ms=later), tip[1])


def out_of_turn(means: Means, node: Inhabitant) -> bool:
    """A good block by somebody whose turn this view is not."""
    state, tip = node.state, means.tip(node)
    if tip is None or state.instance.proposer(state.view) == state.me:
        return False
    return means.propose(node, means.child(node, *tip), tip[1])


def invalid_block(means: Means, node: Inhabitant) -> bool:
    """A block with a transaction that cannot be executed."""
    return _propose_spoiled(means, node, Flaw.INVALID)


def withheld_block(means: Means, node: Inhabitant) -> bool:
    return _propose_spoiled(means, node, Flaw.WITHHELD)


def oversized_block(means: Means, node: Inhabitant) -> bool:
    return _propose_spoiled(means, node, Flaw.OVERSIZED)


def _propose_spoiled(means: Means, node: Inhabitant, flaw: Flaw) -> bool:
    tip = means.tip(node)
    return tip is not None and means.propose(
        node, means.spoil(means.child(node, *tip), flaw), tip[1]
    )


# --- at the edge of an epoch ----------------------------------------------------------------------


def past_the_edge(means: Means, node: Inhabitant) -> bool:
    parent = means.at_last_height(node)
    return parent is not None and means.propose(
        node, means.child(node, parent, parent.view), parent.view
    )


def sibling_at_last_height(means: Means, node: Inhabitant) -> bool:
    instance = node.state.instance
    parent = means.pick(node, lambda block: block.height == instance.last_height - 1)
    if parent is None or means.at_last_height(node) is None:
        return False
    view = 0 if parent.height < instance.first_height else parent.view
    return means.propose(node, means.child(node, parent, view), view)


def repeat_old_block(means: Means, node: Inhabitant) -> bool:
    """NOTAR is real, but a later view may have decided otherwise: the NULLs are missing."""
    state, tip = node.state, means.tip(node)
    for view, known in state.views.items():
        block = state.blocks.get(known.notarized or ZERO_HASH)
        if (
            block is not None
            and view < state.view
            and block.height == state.instance.last_height
            and (tip is None or (block.id, view) != (tip[0].id, tip[1]))
        ):
            return means.propose(node, block, view)
    return False


def repeat_unnotarized(means: Means, node: Inhabitant) -> bool:
    arena, block, view = means.arena, means.at_last_height(node), node.state.view
    if block is None or block.view >= view:
        return False
    if arena.chance(0.5):  # one nobody ever proposed
        block = means.named(node, replace(block, view=max(1, view - 1)))
    hints = (block.view, view - 1, arena.below(view))
    return means.propose(node, block, hints[arena.below(3)])


def next_instance_early(means: Means, node: Inhabitant) -> bool:
    """Build the next epoch on a block of the last height that is not final."""
    start = means.at_last_height(node)
    if start is None:
        return False
    electorate = node.electorate(node.state.epoch + 1)
    instance = Instance.after(
        start, electorate, genesis_hash=GENESIS_HASH, epoch_blocks=node.config.epoch_blocks
    )
    index = electorate.index_of(node.address)
    if index is None:
        return False
    stamp = start.timestamp_ms + node.config.block_time_ms
    place = (start.height + 1, 1, instance.epoch, start.id, 0, instance.proposer(1), stamp)
    block = means.named(node, BlockRef(ZERO_HASH, *place))
    for phase in (VotePhase.PREFER, VotePhase.COMMIT):
        vote = Vote(instance.id, phase, 1, block.height, block.id)
        means.arena.broadcast(node, means.signed(node, vote, instance.epoch, index))
    return True
