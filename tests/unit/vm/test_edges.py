"""The last block of an epoch: who votes in the second one after, and with which seed."""

from dataclasses import replace

from genesis.units import AI
from tests.builders_vm import (
    FOUNDER_STAKE,
    STAKING,
    address,
    advance,
    advance_to,
    key,
    make_registration,
    make_state,
    make_transaction,
    seal,
    with_records,
)
from vm.draft import Draft
from vm.epochs import epoch_key
from vm.queries import account_view, validator_view
from vm.records import (
    TOMBSTONED,
    Unbonding,
    decode_validator,
    encode_unbondings,
    encode_validator,
    unbonding_key,
    validator_key,
)
from vm.staking import hold_unbondings, jail, unbondings_of
from vm.state import State
from vm.transactions import Body, Role, Stake, Unstake, Withdraw

BUDGET = 2 * FOUNDER_STAKE // 8


def after(state: State, sender: int, body: Body) -> State:
    nonce = account_view(state, address(sender)).nonce
    state, (receipt,) = advance(state, seal(make_transaction(body, sender=sender, nonce=nonce)))
    assert receipt.ok, receipt.error
    return state


def stakes_of(state: State, epoch: int) -> dict[int, int]:
    known = state.epoch(epoch)
    assert known is not None
    return known.stakes


def jailed(state: State, index: int, until: int | None = None) -> State:
    """A state whose validator is in jail, or under a tombstone."""
    draft = Draft(state, state.head.height + 1)
    jail(draft, address(index))
    raw = draft.record(validator_key(address(index)))
    assert raw is not None
    if until is not None:
        record = replace(decode_validator(raw), jailed_until=until)
        draft.put_record(validator_key(address(index)), encode_validator(record))
    return with_records(state, draft.changes())


def test_a_newcomer_joins_two_epochs_later_at_the_pace_of_the_churn() -> None:
    state = advance_to(after(make_state(), 2, make_registration(40, stake=2_500 * AI)), 4)
    assert stakes_of(state, 1).keys() == {0, 1}
    assert stakes_of(state, 2) == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE, 2: BUDGET}
    state = advance_to(state, 8)
    assert stakes_of(state, 3)[2] == 2_500 * AI
    state = advance_to(state, 12)
    validators, epoch = state.validators_of(3), state.epoch(3)
    assert validators is not None
    assert epoch is not None
    assert [each.public_key for each in validators] == [key(each).public_key for each in (0, 1, 40)]
    assert [seat.owner for seat in epoch.seats] == [address(each) for each in (0, 1, 2)]
    assert state.head.next_vset_hash == validators.hash


def test_whoever_owns_the_key_is_paid_for_its_blocks() -> None:
    state = advance_to(after(make_state(), 2, make_registration(40)), 8)
    before = account_view(state, address(2)).balance
    paid, _ = advance(state, proposer_index=2)
    assert account_view(paid, address(2)).balance > before
    assert not account_view(paid, address(40)).exists


def test_the_highest_stakes_vote_and_the_lowest_give_way() -> None:
    state = make_state()
    rich = {sender: (2_100 + sender) * AI for sender in range(2, 8)}
    for sender, stake in rich.items():
        state = after(state, sender, make_registration(38 + sender, stake=stake))
    state = after(state, 0, Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE - 2_000 * AI))
    state = advance_to(state, 80)
    assert stakes_of(state, 20) == {0: 2_000 * AI, 1: FOUNDER_STAKE} | rich


def test_who_is_jailed_fades_and_comes_back() -> None:
    state = jailed(make_state(), 1)
    state = advance_to(state, 8)
    assert stakes_of(state, 2)[1] == FOUNDER_STAKE - BUDGET
    assert stakes_of(state, 3)[1] < FOUNDER_STAKE - BUDGET


def test_who_is_tombstoned_leaves_at_once() -> None:
    state = advance_to(jailed(make_state(), 1, TOMBSTONED), 4)
    assert stakes_of(state, 1) == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE}
    assert stakes_of(state, 2) == {0: FOUNDER_STAKE}


def test_a_set_that_nobody_follows_stays() -> None:
    state = after(make_state(), 0, Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE))
    state = jailed(state, 1)
    state = advance_to(state, 24)
    assert stakes_of(state, 6) == {0: FOUNDER_STAKE, 1: FOUNDER_STAKE}


def test_stake_that_votes_longer_is_locked_longer() -> None:
    state = after(make_state(), 0, Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE))
    assert account_view(state, address(0)).unbonding[0].matures_at == 8 + STAKING.unbonding_blocks
    epoch = 1
    while 0 in stakes_of(state, epoch):
        (entry,) = account_view(state, address(0)).unbonding
        assert entry.matures_at >= 4 * (epoch + 1) + STAKING.unbonding_blocks
        state = advance_to(state, 4 * epoch)  # decides the epoch after next
        epoch += 1
    assert epoch > 4
    (entry,) = account_view(state, address(0)).unbonding
    assert entry.matures_at == 4 * epoch + STAKING.unbonding_blocks  # epoch - 1 was its last
    view = validator_view(state, address(0))
    assert view is not None
    assert view.stake == 0
    state = advance_to(state, entry.matures_at - 2)
    nonce = account_view(state, address(0)).nonce
    signed = seal(make_transaction(Withdraw(), sender=0, nonce=nonce))
    state, (early,) = advance(state, signed)
    assert early.error == "nothing_to_withdraw"
    assert after(state, 0, Withdraw()).get(unbonding_key(address(0))) is None


def test_the_newest_unbondings_are_held_as_many_as_vote() -> None:
    entries = tuple(Unbonding(at, 1, address(0), at) for at in (10, 20, 30))
    state = with_records(make_state(), {unbonding_key(address(0)): encode_unbondings(entries)})
    for amount, expected in (
        (0, [10, 20, 30]),
        (1, [10, 20, 99]),
        (30, [10, 20, 99]),
        (31, [10, 99, 99]),
        (60, [99, 99, 99]),
        (61, [99, 99, 99]),
    ):
        draft = Draft(state, 1)
        hold_unbondings(draft, 0, amount, 99)
        assert [each.matures_at for each in unbondings_of(draft, address(0))] == expected
    draft = Draft(state, 1)
    hold_unbondings(draft, 0, 60, 15)
    assert [each.matures_at for each in unbondings_of(draft, address(0))] == [15, 20, 30]
    hold_unbondings(draft, 1, 60, 15)
    assert unbondings_of(draft, address(1)) == ()


def test_more_stake_weighs_from_the_second_epoch_on() -> None:
    state = advance_to(after(make_state(), 0, Stake(Role.VALIDATOR, address(0), 50 * AI)), 8)
    assert stakes_of(state, 2)[0] == FOUNDER_STAKE + 50 * AI
    assert stakes_of(state, 1)[0] == FOUNDER_STAKE


def test_an_epoch_is_written_once_and_forgotten_once() -> None:
    state = advance_to(make_state(), 3)
    built, _ = advance(state)
    assert {each for each in built.changes if each[:2] == b"vs"} == {epoch_key(2)}
    state = advance_to(built, 7)
    edge, _ = advance(state)
    assert {each: edge.changes[each] is None for each in edge.changes if each[:2] == b"vs"} == {
        epoch_key(3): False,
        epoch_key(0): True,
    }
