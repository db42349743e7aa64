"""Random histories: coins are conserved, nodes agree, and what is built is what is applied."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from genesis.params import FeeParams, RewardParams
from genesis.units import AI, U128_MAX
from tests.builders_vm import (
    FOUNDER_STAKE,
    PURSE,
    STAKING,
    address,
    all_records,
    build,
    make_block,
    make_document,
    make_registration,
    make_transaction,
    seal,
)
from vm.apply import apply_block
from vm.commitment import StateTree
from vm.errors import InvalidBlock, InvalidTransaction
from vm.genesis_block import genesis_state
from vm.queries import account_view, supply_view
from vm.state import State
from vm.supply import scan_supply
from vm.transactions import (
    Body,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    VerifiedTransaction,
    Withdraw,
)
from vm.validate import check_transaction

Wish: TypeAlias = dict[str, Any]
History: TypeAlias = list[list[Wish]]

PEOPLE = 10  # two founders, six purses, two without an account
AMOUNTS = st.one_of(
    st.integers(1, 10),
    st.integers(1, 3_000).map(lambda whole: whole * AI),
    st.sampled_from([FOUNDER_STAKE, PURSE - AI, PURSE, PURSE + 1, U128_MAX]),
)
DOCUMENT = make_document(
    rewards=RewardParams(halving_blocks=4, cap=5 * AI),
    fees=FeeParams(max_block_weight=140_000),
    staking=replace(STAKING, unbonding_blocks=2),
)
USUALLY = [True] * 7 + [False]


@st.composite
def bodies(draw: st.DrawFn, sender: int) -> Body:
    """Mostly what could work for this sender."""
    own = draw(st.sampled_from(USUALLY))
    target = address(sender if own else draw(st.integers(0, PEOPLE - 1)))
    role = Role.VALIDATOR if draw(st.sampled_from(USUALLY)) else draw(st.sampled_from(Role))
    match draw(st.sampled_from("ttttrrssuuuwwj")):
        case "t":
            return Transfer(address(draw(st.integers(0, PEOPLE - 1))), draw(AMOUNTS))
        case "r":
            stake = draw(st.sampled_from([AI, 2_000 * AI, 2_500 * AI]))
            return make_registration(draw(st.integers(40, 43)), stake=stake)
        case "s":
            return Stake(role, target, draw(AMOUNTS))
        case "u":
            return Unstake(role, target, draw(AMOUNTS))
        case "w":
            return Withdraw()
        case _:
            return Unjail()


@st.composite
def intentions(draw: st.DrawFn) -> Wish:
    """A sender's wish; `nonce` is how far ahead of its turn it is."""
    sender = draw(st.sampled_from([0, 0, 1, 2, 2, 3, 4, 5, 8]))
    usual = draw(st.sampled_from(USUALLY))
    return {
        "body": draw(bodies(sender)),
        "sender": sender,
        "fee_max": AI if usual else draw(st.sampled_from([10**14, 0])),
        "tip": draw(st.sampled_from([0, 5, AI])) if usual else 2 * PURSE,
        "nonce": 0 if usual else draw(st.integers(0, 2)),
    }


HISTORIES = st.lists(st.lists(intentions(), max_size=6), min_size=1, max_size=8)


def candidates_of(state: State, wishes: list[Wish]) -> list[VerifiedTransaction]:
    """Sealed transactions; `nonce` is relative, and consecutive for one sender."""
    ahead: dict[int, int] = {}
    candidates: list[VerifiedTransaction] = []
    for wish in wishes:
        sender = wish["sender"]
        account = account_view(state, address(sender))
        nonce = account.nonce + ahead.get(sender, 0) + wish["nonce"]
        ahead[sender] = ahead.get(sender, 0) + 1
        transaction = make_transaction(**(wish | {"nonce": nonce}))
        candidates.append(seal(transaction, reveal=account.algorithm == 0, sender=sender))
    return candidates


def run(history: History) -> list[State]:
    """Every block built by one node and applied by another; the states, oldest first."""
    states = [genesis_state(DOCUMENT)]
    for wishes in history:
        parent = states[-1]
        built = build(parent, candidates_of(parent, wishes), proposer_index=len(states) % 2)
        after, receipts = apply_block(parent, built.block)
        assert receipts == built.receipts
        assert after.changes == built.state.changes
        assert after.root == built.state.root
        states.append(after)
    return states


@given(HISTORIES)
def test_coins_are_conserved_and_the_database_adds_up(history: History) -> None:
    states = run(history)
    records = all_records(states)
    scanned = scan_supply(DOCUMENT, records.items())
    view = supply_view(states[-1])
    assert scanned.total == view.total == DOCUMENT.supply + view.minted - view.burned
    assert scanned.balances == view.balances
    assert view.minted <= DOCUMENT.rewards.cap
    assert StateTree.build(records.items()).root == states[-1].root


@given(HISTORIES)
def test_the_same_history_gives_the_same_states(history: History) -> None:
    one, two = run(history), run(history)
    assert [state.head.id for state in one] == [state.head.id for state in two]
    assert [state.root for state in one] == [state.root for state in two]


@given(HISTORIES, st.data())
def test_any_body_is_applied_or_refused_and_never_breaks(
    history: History, data: st.DataObject
) -> None:
    """Bodies no honest proposer makes: the only way out of apply_block is InvalidBlock."""
    parent = run(history)[-1]
    candidates = candidates_of(parent, data.draw(st.lists(intentions(), max_size=6)))
    body = data.draw(st.permutations(candidates))
    root = parent.root
    try:
        after, receipts = apply_block(parent, make_block(parent, body))
    except InvalidBlock:
        assert parent.root == root
        return
    assert len(receipts) == len(body)
    changed = {key: value for key, value in after.changes.items() if value is not None}
    assert all(parent.get(key) != value for key, value in changed.items())


@given(HISTORIES, intentions())
def test_what_is_admitted_next_in_line_succeeds_in_the_next_block(
    history: History, wish: Wish
) -> None:
    state = run(history)[-1]
    (candidate,) = candidates_of(state, [wish | {"nonce": 0}])
    try:
        check_transaction(state, candidate, height=state.head.height + 1)
    except InvalidTransaction:
        return
    built = build(state, [candidate])
    assert [receipt.ok for receipt in built.receipts] == [True]


@given(HISTORIES)
def test_a_failed_transaction_changes_only_what_its_cost_touches(history: History) -> None:
    states = run(history)
    for parent, state in pairwise(states):
        if any(receipt.ok for receipt in state._receipts):
            continue
        kinds = {key[:1] for key in state.changes}
        assert kinds <= {b"a", b"k", b"z"}
        assert supply_view(state).staked == supply_view(parent).staked
