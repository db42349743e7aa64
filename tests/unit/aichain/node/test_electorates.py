"""Whose votes may count: who votes now, next, and who has just left with a vote on its way."""

from types import SimpleNamespace
from typing import Any

from aichain.node.electorates import Electorates
from tests.builders_vm import (
    FOUNDER_STAKE,
    address,
    advance,
    advance_to,
    key,
    make_transaction,
    seal,
)
from tests.builders_wide import make_wide_document
from vm.genesis_block import genesis_state
from vm.state import State
from vm.transactions import Role, Unstake

LEAVER, STAYER, STRANGER = 0, 1, 99
EPOCH_BLOCKS = 4


def test_who_has_left_may_bring_its_vote_for_the_last_anchor_of_its_own() -> None:
    """It was dropped: who is slower than the quorum was not paid for its last epoch."""
    everything = Unstake(Role.VALIDATOR, address(LEAVER), FOUNDER_STAKE)
    state = genesis_state(make_wide_document())
    state, (receipt,) = advance(state, seal(make_transaction(everything, sender=LEAVER)))
    assert receipt.ok
    state = advance_to(state, EPOCH_BLOCKS)
    chain: Any = SimpleNamespace(head=state, document=state.document)
    electorates = Electorates(chain)
    heard: list[tuple[bool, bool]] = []
    for epoch in (1, 2, 3):
        chain.head = state = advance_to(state, epoch * EPOCH_BLOCKS)
        electorates.enter(epoch)
        leaver = key(LEAVER).public_key
        heard.append((leaver in electorates.keys, electorates.may_vote(leaver)))
        assert electorates.may_vote(key(STAYER).public_key)
        assert not electorates.may_vote(key(STRANGER).public_key)
    assert _members(state, 2) == _members(state, 3)
    assert heard == [(True, True), (False, True), (False, False)]


def _members(state: State, epoch: int) -> int:
    known = state.epoch(epoch)
    assert known is not None
    return len(known.seats)
