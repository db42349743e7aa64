"""The supply invariant: the delta check and the full scan both catch what does not add up."""

from collections.abc import Callable

import pytest

from tests.builders_vm import (
    account_of,
    address,
    advance,
    all_records,
    make_document,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.draft import Draft
from vm.errors import SupplyBroken
from vm.records import (
    BURNED,
    MINTED,
    STAKED,
    TREASURY,
    UNBONDING,
    Account,
    Unbonding,
    account_key,
    counter_key,
    encode_account,
    encode_amount_record,
    encode_unbondings,
    stake_key,
    unbonding_key,
    validator_key,
)
from vm.supply import assert_conserved, scan_supply


def coins_from_nowhere(draft: Draft) -> None:
    draft.put_account(address(2), account_of(draft, 2)._replace(balance=10**30))


def a_new_account_from_nowhere(draft: Draft) -> None:
    draft.account(address(90))
    draft.put_account(address(90), Account(balance=1))


def stake_from_nowhere(draft: Draft) -> None:
    draft.put_account(address(0), account_of(draft, 0)._replace(staked=0))


def stake_counter_alone(draft: Draft) -> None:
    draft.put_counter(STAKED, draft.counter(STAKED) + 1)


def unbonding_from_nowhere(draft: Draft) -> None:
    draft.record(unbonding_key(address(0)))
    row = Unbonding(9, 1, address(0), 5)
    draft.put_record(unbonding_key(address(0)), encode_unbondings([row]))


def unbonding_counter_alone(draft: Draft) -> None:
    draft.put_counter(UNBONDING, draft.counter(UNBONDING) + 1)


def minted_for_nobody(draft: Draft) -> None:
    draft.put_counter(MINTED, draft.counter(MINTED) + 1)


def burned_from_nobody(draft: Draft) -> None:
    draft.put_counter(BURNED, draft.counter(BURNED) + 1)


def treasury_from_nowhere(draft: Draft) -> None:
    draft.put_counter(TREASURY, draft.counter(TREASURY) + 1)


@pytest.mark.parametrize(
    "break_it",
    [
        coins_from_nowhere,
        a_new_account_from_nowhere,
        stake_from_nowhere,
        stake_counter_alone,
        unbonding_from_nowhere,
        unbonding_counter_alone,
        minted_for_nobody,
        burned_from_nobody,
        treasury_from_nowhere,
    ],
)
def test_a_block_that_does_not_add_up_stops_the_node(break_it: Callable[[Draft], None]) -> None:
    draft = Draft(make_state(), 1)
    assert_conserved(draft)
    break_it(draft)
    with pytest.raises(AssertionError):
        assert_conserved(draft)


def committed() -> dict[bytes, bytes]:
    states = [make_state()]
    states.append(advance(states[-1], seal(make_transaction(make_transfer(80))))[0])
    return all_records(states)


def test_a_scan_finds_every_coin() -> None:
    supply = scan_supply(make_document(), committed().items())
    pools = (supply.treasury, supply.ai_pool, supply.voter_pool)
    parts = (supply.balances, supply.staked, supply.unbonding, *pools)
    assert supply.total == sum(parts)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (account_key(address(2)), encode_account(Account(1, 5, 0, 3))),
        (account_key(address(2)), None),
        (account_key(address(91)), encode_account(Account(0, 1, 0, 0))),
        (account_key(address(0)), encode_account(Account(0, 5, 1, 3))),
        (counter_key(MINTED), encode_amount_record(0)),
        (counter_key(BURNED), None),
        (counter_key(TREASURY), encode_amount_record(1)),
        (counter_key(STAKED), encode_amount_record(1)),
        (counter_key(UNBONDING), encode_amount_record(1)),
        (stake_key(1, address(0), address(0)), None),
        (stake_key(1, address(2), address(2)), encode_amount_record(1)),
        (validator_key(address(0)), None),
        (unbonding_key(address(0)), encode_unbondings([Unbonding(9, 1, address(0), 5)])),
    ],
)
def test_a_scan_refuses_records_that_do_not_add_up(key: bytes, value: bytes | None) -> None:
    records = committed()
    if value is None:
        del records[key]
    else:
        assert records.get(key) != value
        records[key] = value
    with pytest.raises(SupplyBroken):
        scan_supply(make_document(), records.items())
