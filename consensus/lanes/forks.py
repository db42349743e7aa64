"""When the hard lane has forked: two decisions, both true, that cannot lie on one chain."""

from collections.abc import Iterable

from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.messages import Decision


def are_of_two_chains(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two checkpoints with true FINALs exclude each other, by number and parent alone.

    Of one ballot only one checkpoint is ever FINAL, and whoever signs in the next one holds that
    FINAL: so either is a fork, and 38 % of the stake have signed twice where the chains part.
    Checkpoints further apart tell nothing; then those between must be compared.
    """
    low, high = sorted((one, other), key=lambda each: each.number)
    if low.number == high.number:
        return low.id != high.id
    return high.number == low.number + 1 and high.parent_id != low.id


def first_fork(ours: Iterable[Decision], theirs: Iterable[Decision]) -> Decision | None:
    """The first of `theirs` that excludes one of `ours`; both are in order, either may have gaps.

    Lower is better: only of the ballot where both chains part do the two FINALs name one instance.
    """
    own = {each.checkpoint.number: each.checkpoint for each in ours}
    for decision in theirs:
        number = decision.checkpoint.number
        near = filter(None, map(own.get, (number - 1, number, number + 1)))
        if any(are_of_two_chains(each, decision.checkpoint) for each in near):
            return decision
    return None
