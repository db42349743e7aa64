"""Staking: registration, own stake, unbonding in blocks, withdrawal, jail."""

from dataclasses import replace

import pytest

from genesis.units import AI
from tests.builders_vm import (
    FOUNDER_STAKE,
    PURSE,
    STAKING,
    address,
    advance,
    advance_to,
    all_records,
    balance,
    key,
    make_document,
    make_registration,
    make_state,
    make_transaction,
    peer_id,
    seal,
)
from vm.commitment import StateTree
from vm.draft import Draft
from vm.errors import JailNotOver, NotJailed, StakeTooSmall, ValidatorUnknown
from vm.genesis_block import genesis_state
from vm.queries import ValidatorView, account_view, supply_view, validator_view, validators_view
from vm.receipts import EventKind, Receipt
from vm.records import (
    consensus_key_key,
    decode_validator,
    encode_validator,
    peer_id_key,
    stake_key,
    unbonding_key,
    validator_key,
)
from vm.staking import apply_unjail, jail
from vm.state import State
from vm.supply import scan_supply
from vm.transactions import Body, Role, Stake, Unjail, Unstake, Withdraw

MINIMUM = STAKING.min_validator_stake
FREE = 8 + STAKING.unbonding_blocks
"""When stake unbonded in epoch 0 is free: epochs have four blocks."""


def run(state: State, *steps: tuple[int, Body]) -> tuple[State, list[Receipt]]:
    """Each step is (sender, body): one block each, and its receipt."""
    receipts = []
    for sender, body in steps:
        nonce = account_view(state, address(sender)).nonce
        state, (receipt,) = advance(state, seal(make_transaction(body, sender=sender, nonce=nonce)))
        receipts.append(receipt)
    return state, receipts


def error_of(state: State, sender: int, body: Body) -> str:
    before = account_view(state, address(sender))
    after_state, (receipt,) = run(state, (sender, body))
    after = account_view(after_state, address(sender))
    assert not receipt.ok
    assert replace(after, nonce=before.nonce, balance=before.balance, algorithm=0) == replace(
        before, algorithm=0
    )
    return receipt.error


def validator(state: State, index: int) -> ValidatorView:
    view = validator_view(state, address(index))
    assert view is not None
    return view


def stake(amount: int, owner: int = 0, target: int | None = None) -> Stake:
    return Stake(Role.VALIDATOR, address(owner if target is None else target), amount)


def unstake(amount: int, owner: int = 0, target: int | None = None) -> Unstake:
    return Unstake(Role.VALIDATOR, address(owner if target is None else target), amount)


def test_a_registration_makes_a_candidate_with_locked_stake() -> None:
    body = make_registration(stake=2_500 * AI)
    state, (receipt,) = run(make_state(), (2, body))
    assert receipt.ok
    assert receipt.events[0].kind is EventKind.VALIDATOR_REGISTERED
    view = validator(state, 2)
    assert (view.index, view.stake, view.set_index, view.voting_stake) == (2, 2_500 * AI, None, 0)
    assert (view.public_key, view.commission_bps) == (body.public_key, 500)
    account = account_view(state, address(2))
    assert account.staked == 2_500 * AI
    assert account.is_validator
    assert account.balance == PURSE - 2_500 * AI - receipt.fee_burned - 7
    assert len(validators_view(state)) == 3
    assert state.get(consensus_key_key(body.public_key)) == address(2)
    assert state.get(peer_id_key(body.peer_id)) == address(2)


def test_the_voting_set_stays_for_this_epoch_and_the_next() -> None:
    state, _ = run(make_state(), (2, make_registration()), (0, stake(AI)))
    genesis, at_edge = make_document().validator_set.hash, advance_to(state, 8)
    assert advance_to(state, 4).head.next_vset_hash == genesis
    assert at_edge.head.vset_hash == genesis != at_edge.head.next_vset_hash
    assert validator(advance_to(state, 7), 0).voting_stake == FOUNDER_STAKE
    assert validator(at_edge, 0).voting_stake == FOUNDER_STAKE + AI


@pytest.mark.parametrize(
    ("sender", "body", "error"),
    [
        (2, make_registration(stake=MINIMUM - 1), "stake_too_small"),
        (0, make_registration(), "validator_exists"),
        (2, make_registration(0, peer=50), "consensus_key_taken"),
        (2, make_registration(50, peer=1), "peer_id_taken"),
        (2, make_registration(stake=PURSE + 1), "insufficient_balance"),
    ],
)
def test_registrations_that_fail(sender: int, body: Body, error: str) -> None:
    assert error_of(make_state(), sender, body) == error


def test_a_failed_registration_takes_no_key_and_no_index() -> None:
    state, _ = run(make_state(), (2, make_registration(40, stake=PURSE + 1)))
    assert state.get(consensus_key_key(key(40).public_key)) is None
    assert state.get(peer_id_key(peer_id(40))) is None
    state, (receipt,) = run(state, (3, make_registration(40)))
    assert receipt.ok
    assert validator(state, 3).index == 2


def test_stake_is_added_to_the_own_validator() -> None:
    state, (receipt,) = run(make_state(), (0, stake(10 * AI)))
    assert receipt.ok
    assert validator(state, 0).stake == FOUNDER_STAKE + 10 * AI
    assert account_view(state, address(0)).staked == FOUNDER_STAKE + 10 * AI
    assert supply_view(state).staked == 2 * FOUNDER_STAKE + 10 * AI


@pytest.mark.parametrize(
    ("sender", "body", "error"),
    [
        (0, Stake(Role.MINER, address(0), 1), "role_not_open"),
        (0, Stake(Role.DELEGATOR, address(0), 1), "role_not_open"),
        (2, stake(1, target=0), "delegation_closed"),
        (2, stake(1, owner=2), "validator_unknown"),
        (0, stake(1_000_000 * AI), "insufficient_balance"),
        (0, Unstake(Role.DELEGATOR, address(0), 1), "role_not_open"),
        (2, unstake(1, target=0), "delegation_closed"),
        (2, unstake(1, owner=2), "validator_unknown"),
        (0, unstake(FOUNDER_STAKE + 1), "insufficient_stake"),
        (0, unstake(FOUNDER_STAKE - MINIMUM + 1), "stake_too_small"),
        (0, Withdraw(), "nothing_to_withdraw"),
        (2, Withdraw(), "nothing_to_withdraw"),
        (0, Unjail(), "not_jailed"),
        (2, Unjail(), "validator_unknown"),
    ],
)
def test_staking_that_fails(sender: int, body: Body, error: str) -> None:
    assert error_of(make_state(), sender, body) == error


def test_unbonding_takes_its_blocks_and_comes_back_once() -> None:
    state, (receipt,) = run(make_state(), (0, unstake(1_000 * AI)))
    # It may vote until the end of epoch 1, so it can be slashed for that until FREE.
    assert receipt.events[0].values[-1] == FREE
    view = account_view(state, address(0))
    assert view.staked == FOUNDER_STAKE - 1_000 * AI
    assert [each.amount for each in view.unbonding] == [1_000 * AI]
    assert supply_view(state).unbonding == 1_000 * AI
    state = advance_to(state, FREE - 2)
    state, (early,) = run(state, (0, Withdraw()))
    assert early.error == "nothing_to_withdraw"
    before = balance(state, 0)
    state, (receipt,) = run(state, (0, Withdraw()))
    assert receipt.ok
    assert receipt.events[0].values == (address(0), 1_000 * AI)
    reward = balance(advance(state)[0], 0) - balance(state, 0)
    # The founder proposes every block here, so its own tip comes back with the reward.
    assert balance(state, 0) == before + 1_000 * AI - receipt.fee_burned + reward
    assert state.get(unbonding_key(address(0))) is None
    assert supply_view(state).unbonding == 0
    assert run(state, (0, Withdraw()))[1][0].error == "nothing_to_withdraw"


def test_only_what_has_matured_is_withdrawn() -> None:
    state, _ = run(make_state(), (0, unstake(5 * AI)))
    state, _ = run(advance_to(state, 4), (0, unstake(6 * AI)))
    state = advance_to(state, FREE - 1)
    state, (receipt,) = run(state, (0, Withdraw()))
    assert receipt.events[0].values == (address(0), 5 * AI)
    assert [each.amount for each in account_view(state, address(0)).unbonding] == [6 * AI]


def test_unbondings_of_one_owner_are_bounded() -> None:
    steps = [(0, unstake(AI))] * STAKING.max_unbondings
    state, receipts = run(make_state(), *steps)
    assert all(receipt.ok for receipt in receipts)
    assert error_of(state, 0, unstake(AI)) == "too_many_unbondings"


def test_all_stake_may_leave_and_its_entry_with_it() -> None:
    states = [genesis_state(make_document())]
    states.append(run(states[-1], (0, unstake(FOUNDER_STAKE)))[0])
    assert validator(states[-1], 0).stake == 0
    assert states[-1].get(stake_key(Role.VALIDATOR, address(0), address(0))) is None
    records = all_records(states)
    assert StateTree.build(records.items()).root == states[-1].root
    assert scan_supply(make_document(), records.items()).unbonding == FOUNDER_STAKE


def jailed_draft(height: int) -> Draft:
    draft = Draft(make_state(), 1)
    jail(draft, address(0))
    draft.height = height
    return draft


def test_a_jailed_validator_leaves_when_its_term_is_over() -> None:
    until = 1 + STAKING.jail_blocks
    with pytest.raises(JailNotOver) as caught:
        apply_unjail(jailed_draft(until - 1), address(0))
    assert (caught.value.until, caught.value.height) == (until, until - 1)
    draft = jailed_draft(until)
    (event,) = apply_unjail(draft, address(0))
    assert event.kind is EventKind.UNJAILED
    with pytest.raises(NotJailed):
        apply_unjail(draft, address(0))


def test_leaving_jail_takes_the_minimum_stake() -> None:
    draft = jailed_draft(1 + STAKING.jail_blocks)
    raw = draft.record(validator_key(address(0)))
    assert raw is not None
    record = decode_validator(raw)
    poor = replace(record, stake=MINIMUM - 1)
    draft.put_record(validator_key(address(0)), encode_validator(poor))
    with pytest.raises(StakeTooSmall):
        apply_unjail(draft, address(0))


def test_only_validators_are_jailed() -> None:
    with pytest.raises(ValidatorUnknown):
        jail(Draft(make_state(), 1), address(2))
