"""Random histories: coins are conserved, nodes agree, and what is built is what is applied."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from genesis.params import FeeParams, RewardParams
from genesis.units import AI
from tests.builders_vm import STAKING, all_records, build, make_block, make_document
from tests.histories_vm import HISTORIES, WISHES, History, Wish, candidates_of, intentions, run
from vm.apply import apply_block
from vm.commitment import StateTree
from vm.errors import InvalidBlock, InvalidTransaction
from vm.queries import supply_view
from vm.supply import scan_supply
from vm.validate import check_transaction

EPOCH_BLOCKS = 4
DOCUMENT = make_document(
    epoch_blocks=EPOCH_BLOCKS,
    rewards=RewardParams(halving_blocks=4, cap=5 * AI),
    fees=FeeParams(max_block_weight=170_000),
    staking=replace(STAKING, unbonding_blocks=2),
)


@given(HISTORIES)
def test_coins_are_conserved_and_the_database_adds_up(history: History) -> None:
    states = run(history, DOCUMENT)
    records = all_records(states)
    scanned = scan_supply(DOCUMENT, records.items())
    view = supply_view(states[-1])
    assert scanned.total == view.total == DOCUMENT.supply + view.minted - view.burned
    assert scanned.balances == view.balances
    assert view.minted <= DOCUMENT.rewards.cap
    assert StateTree.build(records.items()).root == states[-1].root


@given(HISTORIES)
def test_the_same_history_gives_the_same_states(history: History) -> None:
    one, two = run(history, DOCUMENT), run(history, DOCUMENT)
    assert [state.head.id for state in one] == [state.head.id for state in two]
    assert [state.root for state in one] == [state.root for state in two]


@given(HISTORIES, st.data())
def test_any_body_is_applied_or_refused_and_never_breaks(
    history: History, data: st.DataObject
) -> None:
    """Bodies no honest proposer makes: the only way out of apply_block is InvalidBlock."""
    parent = run(history, DOCUMENT)[-1]
    candidates = candidates_of(parent, data.draw(st.lists(WISHES, max_size=6)))
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
    state = run(history, DOCUMENT)[-1]
    (candidate,) = candidates_of(state, [wish | {"nonce": 0}])
    try:
        check_transaction(state, candidate, height=state.head.height + 1)
    except InvalidTransaction:
        return
    built = build(state, [candidate])
    assert [receipt.ok for receipt in built.receipts] == [True]


@given(HISTORIES)
def test_a_failed_transaction_changes_only_what_its_cost_touches(history: History) -> None:
    states = run(history, DOCUMENT)
    for parent, state in pairwise(states):
        if any(receipt.ok for receipt in state._receipts) or state.head.height % EPOCH_BLOCKS == 0:
            continue
        kinds = {key[:1] for key in state.changes if key[:2] != b"vo"}
        assert kinds <= {b"a", b"k", b"z"}
        assert supply_view(state).staked == supply_view(parent).staked
