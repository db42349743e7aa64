"""Builders for chains of two lanes: more founders than all can vote, and votes for checkpoints."""

from dataclasses import replace
from functools import cache
from typing import Any

from genesis.checkpoints import Checkpoint
from genesis.document import GenesisDocument
from native.hashing import Hash32
from tests.builders_evidence import make_participation
from tests.builders_vm import STAKING, make_document, make_founders
from vm.anchors import read_anchor
from vm.state import State
from vm.system_bodies import Participation

WIDE = 24
BEFORE = Hash32(b"\x07" * 32)
"""The checkpoint before the one that ends at an anchor."""


@cache
def make_wide_document(
    founders: int = WIDE, *, epoch_blocks: int = 4, most: int = 40, unbonding_blocks: int = 50
) -> GenesisDocument:
    """Founders 0 … of one stake each, and up to `most` validators."""
    document = make_document(
        epoch_blocks=epoch_blocks,
        staking=replace(STAKING, max_validators=most, unbonding_blocks=unbonding_blocks),
    )
    return replace(document, validators=make_founders(founders))


def make_anchor_checkpoint(state: State, **changes: Any) -> Checkpoint:
    """A checkpoint that ends at the anchor of a state in the epoch after it."""
    anchor, blocks = read_anchor(state.get), state.document.consensus.epoch_blocks
    epoch = anchor.height // blocks - 1
    following = state.validators_of(epoch + 1)
    assert following is not None, "a state knows the set of its next block"
    fields: dict[str, Any] = {
        "number": 9,
        "parent_id": BEFORE,
        "block_id": anchor.block_id,
        "block_height": anchor.height,
        "is_restart": False,
        "next_vset_hash": following.hash,
        "epoch": epoch,
        "view": 2,
        "proposer_index": 5,
        "timestamp_ms": 2_000_000,
    }
    return Checkpoint(**(fields | changes))


def make_checkpoint_votes(
    state: State, *places: int, view: int = 7, **changes: Any
) -> Participation:
    """Blank votes of these members for a checkpoint that ends at the anchor."""
    votes = make_participation(state, *places, view=view)
    return replace(votes, checkpoint=make_anchor_checkpoint(state, **changes))
