"""What happens in the last block of an epoch counts two epochs later, in the next block three."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from genesis.beacon import mixed
from genesis.units import AI
from tests.builders_evidence import make_evidence, report
from tests.builders_vm import (
    FOUNDER_STAKE,
    STAKING,
    address,
    advance,
    advance_to,
    make_onion,
    make_registration,
    make_state,
    make_transaction,
    seal,
    seed_of,
)
from vm.draft import Draft
from vm.epochs import Epoch
from vm.onions import RENEWAL_EPOCHS, onion_at
from vm.queries import account_view
from vm.records import decode_validator, encode_validator, validator_key
from vm.staking import jail
from vm.state import Outcome, State
from vm.transactions import Body, Role, Stake, Unjail, Unstake

BLOCKS = 4
EDGE = BLOCKS
"""The last height of epoch 0: what happens there decides the set of epoch 2."""
BUDGET = 2 * FOUNDER_STAKE // 8
Happening = Callable[[State], State]


def sent(sender: int, body: Body) -> Happening:
    def happen(state: State) -> State:
        nonce = account_view(state, address(sender)).nonce
        signed = seal(make_transaction(body, sender=sender, nonce=nonce))
        state, (receipt,) = advance(state, signed)
        assert receipt.ok, receipt.error
        return state

    return happen


def accused(state: State) -> State:
    state, (receipt,) = advance(state, report(make_evidence(state, 0), sender=2))
    assert receipt.ok
    return state


def epoch_of(state: State, number: int) -> Epoch:
    known = state.epoch(number)
    assert known is not None
    return known


def stakes_at(happening: Happening, height: int, start: State) -> list[dict[int, int]]:
    """The sets of epochs 1, 2 and 3 when something happens in the block of this height."""
    state = happening(advance_to(start, height - 1))
    assert state.head.height == height
    found = []
    for epoch in (1, 2, 3):
        state = advance_to(state, max(state.head.height, (epoch - 1) * BLOCKS))
        found.append(epoch_of(state, epoch).stakes)
    return found


def in_jail(start: State) -> State:
    """Founder 0 was jailed long ago, and its term is over."""
    draft = Draft(start, 1)
    jail(draft, address(0))
    raw = draft.record(validator_key(address(0)))
    assert raw is not None
    free = replace(decode_validator(raw), jailed_until=1)
    draft.put_record(validator_key(address(0)), encode_validator(free))
    return start.after(start.head, Outcome(draft.changes(), ()))


WHOLE = {0: FOUNDER_STAKE, 1: FOUNDER_STAKE}
LESS = Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE - STAKING.min_validator_stake)


@pytest.mark.parametrize("height", [EDGE - 1, EDGE, EDGE + 1])
@pytest.mark.parametrize(
    ("happening", "changed"),
    [
        (sent(2, make_registration(40, stake=2_500 * AI)), {**WHOLE, 2: BUDGET}),
        (sent(0, Stake(Role.VALIDATOR, address(0), AI)), {**WHOLE, 0: FOUNDER_STAKE + AI}),
        (sent(0, LESS), {**WHOLE, 0: FOUNDER_STAKE - BUDGET}),
        (accused, {1: FOUNDER_STAKE}),
    ],
    ids=["registration", "stake", "unstake", "evidence"],
)
def test_the_last_block_still_counts_and_the_next_does_not(
    happening: Happening, changed: dict[int, int], height: int
) -> None:
    first, second, third = stakes_at(happening, height, make_state())
    assert first == WHOLE
    assert second == (changed if height <= EDGE else WHOLE)
    assert third != WHOLE


@pytest.mark.parametrize("height", [EDGE - 1, EDGE, EDGE + 1])
def test_who_leaves_jail_in_the_last_block_is_ranked_there(height: int) -> None:
    start = in_jail(make_state())
    first, second, third = stakes_at(sent(0, Unjail()), height, start)
    assert first == WHOLE
    assert second == (WHOLE if height <= EDGE else {**WHOLE, 0: FOUNDER_STAKE - BUDGET})
    assert third == WHOLE or height > EDGE


@pytest.mark.parametrize("height", [EDGE - 1, EDGE, EDGE + 1])
def test_unstaked_at_an_edge_is_locked_as_long_as_it_votes(height: int) -> None:
    """In the first block of an epoch it votes an epoch longer than in the last one before."""
    state = sent(0, LESS)(advance_to(make_state(), height - 1))
    for _ in range(3 * BLOCKS):
        state, _ = advance(state)
        epoch = state.head.height // BLOCKS
        account = account_view(state, address(0))
        for number in (epoch, epoch + 1):
            free = (number + 1) * BLOCKS + STAKING.unbonding_blocks
            held = sum(each.amount for each in account.unbonding if each.matures_at >= free)
            assert epoch_of(state, number).stakes[0] <= account.staked + held


def test_who_commits_knowing_the_mix_reveals_only_after_an_epoch_it_does_not_know() -> None:
    """With the last block of an epoch, its owner could try as many onions as it can hash until
    the seed suits it, if a first reveal came before others' did."""
    state = advance_to(make_state(), EDGE - 1)
    known = state.head.beacon_mix
    state = sent(2, make_registration(40, stake=2_500 * AI))(state)
    committed = state.head.height
    while True:
        voters = epoch_of(state, (state.head.height) // BLOCKS)
        if voters.place_of(2) is not None:
            break
        state, _ = advance(state)
        assert state.head.beacon_mix != known
    others = state.head.height - committed
    assert others == BLOCKS, "a whole epoch of others lies between"
    before = state.head.beacon_mix
    state, _ = advance(state, proposer_index=2)
    record = onion_at(state.get, 2, 2)
    assert state.head.beacon_mix == mixed(before, record.head)
    state = advance_to(state, 3 * BLOCKS)
    assert seed_of(state, 4) == state.head.beacon_mix, "and it decides nothing sooner"


@pytest.mark.parametrize("height", [EDGE - 1, EDGE, EDGE + 1])
def test_a_renewal_at_an_edge_waits_for_a_whole_epoch(height: int) -> None:
    renewal = make_registration(0, stake=0, peer=0, renewals=1)
    state = sent(0, renewal)(advance_to(make_state(), height - 1))
    raw = onion_at(state.get, 0, 0)
    epoch = (height - 1) // BLOCKS
    assert raw.next_epoch == epoch + RENEWAL_EPOCHS
    state = advance_to(state, raw.next_epoch * BLOCKS)
    old = onion_at(state.get, 0, raw.next_epoch - 1)
    state, _ = advance(state)
    assert state.head.onion_reveal == make_onion(0, 1).reveal(make_onion(0, 1).length)
    assert old.head != onion_at(state.get, 0, raw.next_epoch).head


def test_all_in_jail_vote_on_and_the_first_who_leaves_it_is_joined_by_the_others() -> None:
    state = make_state()
    draft = Draft(state, 1)
    for founder in (0, 1):
        jail(draft, address(founder))
    state = advance_to(state.after(state.head, Outcome(draft.changes(), ())), 4 * BLOCKS)
    assert epoch_of(state, 5).stakes == WHOLE
    state = sent(0, Unjail())(state)
    state = advance_to(state, 5 * BLOCKS)
    assert epoch_of(state, 6).stakes == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE - BUDGET}
    state, _ = advance(state, proposer_index=1)  # it has coins for the fee now
    state = sent(1, Unjail())(state)
    state = advance_to(state, 7 * BLOCKS)
    assert epoch_of(state, 8).stakes == WHOLE
