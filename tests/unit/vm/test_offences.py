"""Double signing: what it costs alone and in company, who gets it, and what proves nothing."""

from dataclasses import replace

import pytest

from genesis.limits import OFFENCES_LEAST
from genesis.params import StakingParams
from genesis.units import AI, BPS, U128_MAX
from native.errors import DecodeError, InvalidSignature
from native.hashing import Hash32
from native.signatures import verify
from tests.builders_evidence import (
    OTHER,
    PROPOSALS,
    make_evidence,
    make_vote,
    report,
    signed_claims,
    system,
)
from tests.builders_vm import (
    FOUNDER_STAKE,
    STAKING,
    address,
    advance,
    advance_to,
    all_records,
    balance,
    build,
    key,
    make_block,
    make_document,
    make_registration,
    make_state,
    make_transaction,
    seal,
    with_records,
)
from vm.apply import apply_block
from vm.draft import Draft
from vm.errors import InvalidTransaction, UnchargeableTransaction, ValidatorUnknown
from vm.genesis_block import genesis_state
from vm.offences import (
    CORRELATION,
    OFFENCES_KEY,
    Offence,
    apply_evidence,
    decode_offences,
    encode_offences,
    offences_of,
    penalty,
)
from vm.queries import ValidatorView, account_view, supply_view, validator_view
from vm.receipts import EventKind
from vm.records import Unbonding, encode_unbondings, unbonding_key
from vm.staking import take_stake, unbondings_of
from vm.state import State
from vm.supply import scan_supply
from vm.system_bodies import Evidence
from vm.transactions import Body, Role, Stake, Unjail, Unstake, sign_transaction
from vm.validate import check_transaction
from vm.validator_errors import (
    EvidenceExpired,
    EvidenceForeign,
    EvidenceTooEarly,
    SystemTransaction,
    Tombstoned,
)
from vm.witnesses import block_witnesses, require_verified, transaction_witnesses

PARAMS = StakingParams()
SMALL = make_document(staking=replace(STAKING, min_validator_stake=AI))


def view_of(state: State, owner: int) -> ValidatorView:
    view = validator_view(state, address(owner))
    assert view is not None
    return view


def after(state: State, sender: int, body: Body) -> State:
    nonce = account_view(state, address(sender)).nonce
    state, (receipt,) = advance(state, seal(make_transaction(body, sender=sender, nonce=nonce)))
    assert receipt.ok, receipt.error
    return state


def small_fry(state: State, count: int, stake: int = 100 * AI) -> State:
    """Validators with a hundredth of the stake each, owned by purses 2, 3, …"""
    for owner in range(2, 2 + count):
        state = after(state, owner, make_registration(38 + owner, stake=stake))
    return state


@pytest.mark.parametrize(
    ("exposed", "together", "total", "lost"),
    [
        (10_000, 10_000, 1_000_000, 500),  # alone and small: the minimum
        (10_000, 16_666, 1_000_000, 500),
        (10_000, 16_667, 1_000_000, 500),
        (10_000, 16_700, 1_000_000, 501),  # from a sixtieth on, three times the company
        (100_000, 100_000, 1_000_000, 30_000),
        (100_000, 333_333, 1_000_000, 99_999),
        (100_000, 333_334, 1_000_000, 100_000),
        (100_000, 380_000, 1_000_000, 100_000),  # a fork costs everything
        (100_000, 10**9, 1_000_000, 100_000),
        (1, 1, 1_000_000, 0),  # rounded down
        (19, 1, 1_000_000, 0),
        (20, 1, 1_000_000, 1),
        (0, 380_000, 1_000_000, 0),
        (1, 1, 1, 1),
        (U128_MAX, U128_MAX, U128_MAX, U128_MAX),
        (U128_MAX, 1, U128_MAX, U128_MAX * 500 // BPS),
        (U128_MAX, U128_MAX // 3, U128_MAX, U128_MAX // 3 * 3),
    ],
)
def test_the_penalty_in_integers(exposed: int, together: int, total: int, lost: int) -> None:
    assert penalty(PARAMS, exposed, together, total) == lost


def test_a_penalty_never_falls_as_company_grows_and_never_passes_the_whole() -> None:
    for exposed in (1, 7, 999, 10**24):
        losses = [penalty(PARAMS, exposed, company, 1_000) for company in range(1_200)]
        assert losses == sorted(losses)
        assert losses[0] == exposed * 500 // BPS
        assert losses[-1] == exposed
        assert penalty(PARAMS, exposed, 380, 1_000) == exposed
    assert CORRELATION * 38 >= 100


def test_a_small_offender_loses_its_twentieth() -> None:
    state = small_fry(genesis_state(SMALL), 1)
    before, supply = balance(state, 3), supply_view(state)
    state, (receipt,) = advance(state, report(make_evidence(state, 2), sender=3))
    assert receipt.ok
    assert (receipt.fee_burned, receipt.tip) == (0, 0)
    slashed, reward = 5 * AI, AI // 4
    assert receipt.events[0].kind is EventKind.VALIDATOR_SLASHED
    assert receipt.events[0].values == (address(2), slashed, reward, 0)
    view = view_of(state, 2)
    assert (view.stake, view.is_tombstoned, view.jailed_until) == (95 * AI, True, 0)
    assert account_view(state, address(2)).staked == 95 * AI
    assert balance(state, 3) == before + reward
    assert account_view(state, address(3)).nonce == 0
    assert supply_view(state).burned == supply.burned + slashed - reward
    assert supply_view(state).staked == supply.staked - slashed


def test_a_large_offender_alone_loses_three_times_its_share() -> None:
    state = small_fry(genesis_state(SMALL), 1, stake=1_000 * AI)  # a tenth of the voting stake
    state, (receipt,) = advance(state, report(make_evidence(state, 2), sender=3))
    assert receipt.events[0].values[1] == 300 * AI


def test_two_proposals_of_one_view_cost_the_same() -> None:
    state = small_fry(genesis_state(SMALL), 1)
    state, (receipt,) = advance(state, report(make_evidence(state, 2, claims=PROPOSALS)))
    assert receipt.events[0].values[1] == 5 * AI


def test_company_makes_those_pay_who_were_proven_before() -> None:
    state = small_fry(genesis_state(SMALL), 4, stake=200 * AI)  # 2 % each
    expected = [  # of 200 AI: three times 2, 4, 6 and 8 per cent
        (12 * AI, 0),
        (24 * AI, 12 * AI),
        (36 * AI, 2 * 12 * AI),
        (48 * AI, 3 * 12 * AI),
    ]
    for owner, (own, others) in zip(range(2, 6), expected, strict=True):
        state, (receipt,) = advance(state, report(make_evidence(state, owner), sender=7))
        assert receipt.events[0].values[1] == own
        assert receipt.events[0].values[3] == others
    assert {view_of(state, owner).stake for owner in range(2, 6)} == {152 * AI}
    assert balance(state, 7) == balance(make_state(), 7) + sum(
        own * STAKING.reporter_bps // BPS for own, _ in expected
    )


def test_a_fork_costs_everything() -> None:
    state = make_state()
    for owner in (0, 1):
        state, (receipt,) = advance(state, report(make_evidence(state, owner), sender=3))
        assert receipt.events[0].values[1] == FOUNDER_STAKE
    assert [view_of(state, owner).stake for owner in (0, 1)] == [0, 0]


def test_after_the_window_company_does_not_count() -> None:
    state = small_fry(genesis_state(SMALL), 2, stake=200 * AI)
    state, _ = advance(state, report(make_evidence(state, 2), sender=7))
    proven_at, window = state.head.height, STAKING.unbonding_blocks
    within = advance_to(state, proven_at + window - 2)
    _, (receipt,) = advance(within, report(make_evidence(within, 3, epoch=1), sender=7))
    assert receipt.events[0].values[1] == 24 * AI
    beyond = advance_to(state, proven_at + window - 1)
    beyond, (receipt,) = advance(beyond, report(make_evidence(beyond, 3, epoch=1), sender=7))
    assert receipt.events[0].values[1] == 12 * AI
    raw = beyond.get(OFFENCES_KEY)
    assert raw is not None
    assert [each.index for each in decode_offences(raw)] == [view_of(beyond, 3).index]


def test_who_is_tombstoned_is_out_of_the_second_epoch_after() -> None:
    state, _ = advance(make_state(), report(make_evidence(make_state()), sender=3))
    state = advance_to(state, 4)
    assert [known.stakes for epoch in (1, 2) if (known := state.epoch(epoch))] == [
        {0: FOUNDER_STAKE, 1: FOUNDER_STAKE},
        {0: FOUNDER_STAKE},
    ]


def test_what_is_unbonding_pays_too_the_newest_first() -> None:
    entries = tuple(Unbonding(at, 1, address(0), at) for at in (10, 20, 30))
    state = with_records(make_state(), {unbonding_key(address(0)): encode_unbondings(entries)})
    for amount, left, taken in (
        (FOUNDER_STAKE, [10, 20, 30], 0),
        (FOUNDER_STAKE + 1, [10, 20, 29], 1),
        (FOUNDER_STAKE + 30, [10, 20], 30),
        (FOUNDER_STAKE + 35, [10, 15], 35),
        (FOUNDER_STAKE + 60, [], 60),
        (FOUNDER_STAKE + 999, [], 60),
    ):
        draft = Draft(state, 1)
        draft.put_counter("unbonding", draft.counter("unbonding") + 60)
        assert take_stake(draft, address(0), amount) == FOUNDER_STAKE + taken
        assert [each.amount for each in unbondings_of(draft, address(0))] == left
        assert draft.counter("unbonding") == 60 - taken


def test_unbonding_does_not_save_a_stake() -> None:
    states = [genesis_state(SMALL)]
    states.append(after(states[-1], 0, Unstake(Role.VALIDATOR, address(0), FOUNDER_STAKE)))
    state, (receipt,) = advance(states[-1], report(make_evidence(states[-1], 0), sender=3))
    assert receipt.events[0].values[1] == FOUNDER_STAKE
    assert account_view(state, address(0)).unbonding == ()
    assert supply_view(state).unbonding == 0
    records = all_records([*states, state])
    assert scan_supply(SMALL, records.items()).staked == FOUNDER_STAKE


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (Unjail(), "tombstoned"),
        (Stake(Role.VALIDATOR, address(0), AI), "tombstoned"),
        (make_registration(0, renewals=1, stake=0), "tombstoned"),
    ],
)
def test_a_tombstone_is_for_ever(body: Body, error: str) -> None:
    state = small_fry(genesis_state(SMALL), 0)
    state, _ = advance(state, report(make_evidence(state, 0), sender=3))
    state = advance_to(state, 30)
    state, (receipt,) = advance(state, seal(make_transaction(body, sender=0)))
    assert receipt.error == error


def test_what_a_tombstone_leaves_may_be_unstaked() -> None:
    state = small_fry(genesis_state(SMALL), 1)
    state, _ = advance(state, report(make_evidence(state, 2), sender=3))
    state = after(state, 2, Unstake(Role.VALIDATOR, address(2), 95 * AI))
    assert view_of(state, 2).stake == 0


def refused(state: State, evidence: Evidence, sender: int = 2) -> type[InvalidTransaction]:
    """It is left out of a block that is built, and a block that has it is invalid."""
    signed = report(evidence, sender=sender)
    built = build(state, [signed])
    assert built.block.transactions == ()
    assert built.state.root == advance(state)[0].root
    ((dropped, error),) = built.dropped
    assert dropped == signed
    with pytest.raises(UnchargeableTransaction):
        apply_block(state, make_block(state, [signed]))
    return type(error)


def test_evidence_of_another_chain_is_refused() -> None:
    state = make_state()
    other = make_evidence(state, genesis_hash=Hash32(b"\x09" * 32))
    assert refused(state, other) is EvidenceForeign


def test_evidence_about_a_stranger_is_refused() -> None:
    assert refused(make_state(), make_evidence(make_state(), 5)) is ValidatorUnknown


def test_a_tombstoned_validator_is_not_slashed_again() -> None:
    state, _ = advance(make_state(), report(make_evidence(make_state()), sender=3))
    again = make_evidence(state, claims=(make_vote(), make_vote(block_id=OTHER, height=9)))
    assert refused(state, again) is Tombstoned
    first, second = report(make_evidence(make_state())), report(make_evidence(make_state(), view=9))
    built = build(make_state(), [first, second])
    assert built.block.transactions == (first,)


def test_an_epoch_that_has_not_begun_has_no_evidence() -> None:
    state = advance_to(make_state(), 3)
    assert refused(state, make_evidence(state, epoch=1)) is EvidenceTooEarly
    state = advance_to(state, 4)
    assert advance(state, report(make_evidence(state, epoch=1)))[1][0].ok


def test_evidence_ends_where_its_stake_is_free() -> None:
    """Epoch 0 ends at height 4, and what voted in it is free at 4 + unbonding_blocks."""
    free = 4 + STAKING.unbonding_blocks
    state = advance_to(make_state(), free - 2)
    assert advance(state, report(make_evidence(state, epoch=0)))[1][0].ok
    state = advance_to(state, free - 1)
    assert refused(state, make_evidence(state, epoch=0)) is EvidenceExpired


def test_a_full_list_forgets_the_smallest_offence() -> None:
    state = make_state()
    paid = [1_000 + number for number in range(OFFENCES_LEAST)]
    rows = [Offence(10 + number, 1, whole, whole) for number, whole in enumerate(paid)]
    state = with_records(state, {OFFENCES_KEY: encode_offences(rows)})
    draft = Draft(state, 2)
    apply_evidence(draft, address(3), make_evidence(state, 0))
    kept = offences_of(draft)
    assert len(kept) == OFFENCES_LEAST
    assert {each.index for each in kept} == {0, *(row.index for row in rows[1:])}


def test_offences_survive_and_damaged_ones_do_not() -> None:
    rows = (Offence(3, 9, 10**30, 7), Offence(0, 2**60, 1, 0))
    raw = encode_offences(rows)
    assert decode_offences(raw) == rows
    for damaged in (b"", raw[:-1], raw + b"\x00", b"\x92\x02\x90"):
        with pytest.raises(DecodeError):
            decode_offences(damaged)


def test_a_reporter_needs_no_account() -> None:
    state, (receipt,) = advance(make_state(), report(make_evidence(make_state()), sender=60))
    assert balance(state, 60) == FOUNDER_STAKE * STAKING.reporter_bps // BPS
    assert account_view(state, address(60)).algorithm == 0
    assert receipt.ok


def test_no_pool_takes_a_system_transaction() -> None:
    with pytest.raises(SystemTransaction):
        check_transaction(make_state(), report(make_evidence(make_state())), height=1)


@pytest.mark.parametrize("claims", [make_evidence(make_state()).claims, PROPOSALS])
def test_the_claims_are_witnesses_against_the_offenders_key(claims: object) -> None:
    state = make_state()
    evidence = make_evidence(state, claims=claims)  # type: ignore[arg-type]
    verdicts = []
    for signer in (1, 0):
        body = signed_claims(evidence, key(signer))
        signed = sign_transaction(system(body), key(2), reveal=True)
        items = transaction_witnesses(state, signed)
        assert items == block_witnesses(state, make_block(state, [signed]))[0]
        verdicts.append(
            [verify(each.public_key, each.message, each.context, each.signature) for each in items]
        )
    assert verdicts == [[True, True, True], [True, False, False]]
    require_verified(signed, verdicts[0])
    for forged in (verdicts[1], [True, True, False], [False, True, True]):
        with pytest.raises(InvalidSignature):
            require_verified(signed, forged)


def test_witnesses_against_a_stranger_cannot_be_had() -> None:
    state = make_state()
    with pytest.raises(ValidatorUnknown):
        transaction_witnesses(state, report(make_evidence(state, 5)))
