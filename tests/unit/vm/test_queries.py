"""Views: what RPC shows of a state, and proofs a client can check."""

from genesis.units import AI
from tests.builders_vm import (
    FOUNDER_STAKE,
    PURSE,
    address,
    advance,
    all_records,
    key,
    make_block,
    make_document,
    make_registration,
    make_state,
    make_transaction,
    make_transfer,
    seal,
)
from vm.commitment import verify_proof
from vm.queries import (
    account_view,
    prove_account,
    prove_record,
    supply_view,
    validator_view,
    validators_view,
)
from vm.records import account_key, decode_account, public_key_key, validator_key
from vm.supply import scan_supply
from vm.transactions import Body


def test_an_unknown_address_is_all_zero() -> None:
    view = account_view(make_state(), address(60))
    assert not view.exists
    assert (view.nonce, view.balance, view.staked, view.unbonding, view.algorithm) == (
        0,
        0,
        0,
        (),
        0,
    )


def test_an_account_shows_its_revealed_key() -> None:
    state, _ = advance(make_state(), seal(make_transaction()))
    assert account_view(state, address(2)).algorithm == 3
    assert state.get(public_key_key(address(2))) == key(2).public_key
    assert state.get(public_key_key(address(3))) is None


def test_the_supply_of_the_counters_is_the_supply_of_the_records() -> None:
    state = make_state()
    states = [state]
    bodies: list[Body] = [make_transfer(80), make_registration(), make_transfer(3)]
    for nonce, body in enumerate(bodies):
        state, _ = advance(state, seal(make_transaction(body, nonce=nonce)))
        states.append(state)
    view = supply_view(state)
    scanned = scan_supply(make_document(), all_records(states).items())
    assert view.total == scanned.total == view.genesis + view.minted - view.burned
    assert view.balances == scanned.balances
    assert (view.staked, view.unbonding) == (scanned.staked, scanned.unbonding)
    assert (view.treasury, view.ai_pool) == (scanned.treasury, scanned.ai_pool)
    assert view.staked == 2 * FOUNDER_STAKE + 2_500 * AI
    assert view.height == 3
    assert view.base_fee == state.base_fee


def test_validators_are_listed_in_order_of_registration_and_in_pages() -> None:
    state, _ = advance(make_state(), seal(make_transaction(make_registration())))
    everyone = validators_view(state)
    assert [view.address for view in everyone] == [address(0), address(1), address(2)]
    assert validators_view(state, 1, 1) == everyone[1:2]
    assert validators_view(state, 5) == ()
    assert validators_view(state, 0, 10**9) == everyone
    assert validator_view(state, address(3)) is None


def test_an_account_is_proved_present_or_absent_against_the_next_header() -> None:
    state, _ = advance(make_state(), seal(make_transaction()))
    root = make_block(state).header.parent_state_root
    for index in (2, 3, 0, 60):
        proof = prove_account(state, address(index))
        assert proof.state_root == root
        assert verify_proof(root, proof.key, proof.value, proof.proof)
        assert (proof.value is None) == (index == 60)
    value = prove_account(state, address(3)).value
    assert value is not None
    assert decode_account(value).balance == PURSE + AI
    stale = prove_account(make_state(), address(2))
    assert not verify_proof(root, stale.key, stale.value, stale.proof)


def test_any_record_can_be_proved() -> None:
    state = make_state()
    proof = prove_record(state, validator_key(address(1)))
    assert verify_proof(state.root, proof.key, proof.value, proof.proof)
    assert proof.key != account_key(address(1))
