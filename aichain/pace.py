"""How often blocks become final where nothing is wrong, as the genesis document says it."""

from consensus.lanes.voters import term_blocks
from genesis.document import GenesisDocument
from genesis.limits import STANDING_BLOCK_TIMES

_ESCAPE_TIMES = 2
"""A dead committee is given up after one; after another one its tip is enough (rule (c))."""


def stands_after_ms(document: GenesisDocument) -> int:
    """A last final block older than this: the chain stands, or this node does not hear it.

    With two lanes a block is final with its whole term, and a term may need a restart. Its length
    is that of the largest set: what the present one is, no document knows.
    """
    params = document.consensus
    if not document.has_lanes:
        return STANDING_BLOCK_TIMES * params.block_time_ms
    most = document.staking.max_validators
    term = term_blocks(most, params.full_set_limit, params.epoch_blocks)
    ordinary_ms = (STANDING_BLOCK_TIMES + term) * params.block_time_ms
    return ordinary_ms + _ESCAPE_TIMES * params.escape_ms
