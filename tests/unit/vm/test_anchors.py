"""Anchors: votes for the last block of an epoch are counted once, paid by stake, and missed."""

from dataclasses import replace
from typing import Any

import pytest

from consensus.instance import instance_id
from consensus.votes import Vote, VotePhase
from genesis.limits import ABSENT_ANCHORS_MAX, ANCHOR_WINDOW_BLOCKS, PARTICIPATION_VOTES_MAX
from genesis.params import ConsensusParams
from genesis.units import AI, U64_MAX
from native.errors import DecodeError, InvalidData
from native.hashing import ZERO_HASH, Hash32
from native.signatures import verify
from tests.builders_evidence import BLANK, make_participation, report, system
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
)
from vm.anchors import (
    ABSENCES_KEY,
    Anchor,
    closing_height,
    decode_anchor,
    encode_anchor,
    read_anchor,
)
from vm.apply import apply_block
from vm.errors import FieldHasWrongLength, FieldOutOfRange, InvalidTransaction
from vm.errors import UnchargeableTransaction as Unchargeable
from vm.genesis_block import genesis_state
from vm.queries import (
    ValidatorView,
    account_view,
    rewards_view,
    supply_view,
    validator_view,
)
from vm.receipts import EventKind
from vm.rewards import split_reward
from vm.state import State
from vm.supply import scan_supply
from vm.system_bodies import Participation, participation_fields, participation_from_fields
from vm.transactions import Kind, Unjail, decode_transaction, sign_transaction
from vm.validator_errors import (
    AnchorClosed,
    VoteCounted,
    VotersMalformed,
    VotesMismatch,
    WrongAnchor,
)
from vm.witnesses import block_witnesses, transaction_witnesses

EDGE = advance_to(make_state(), 4)
"""The last block of epoch 0 is the anchor; its votes are collected in the four blocks after."""

REWARDS = make_document().rewards
VOTERS_SHARE = split_reward(REWARDS, REWARDS.initial_reward).voters


def anchor_of(state: State) -> Anchor:
    return read_anchor(state.get)


def view_of(state: State, owner: int) -> ValidatorView:
    view = validator_view(state, address(owner))
    assert view is not None
    return view


def collected(state: State, *places: int) -> State:
    state, (receipt,) = advance(state, report(make_participation(state, *places)))
    assert receipt.ok
    return state


def test_block_0_is_the_first_anchor() -> None:
    anchor = anchor_of(make_state())
    assert anchor == Anchor(0, ZERO_HASH, make_state().head.id, 0, b"")


def test_the_last_block_of_an_epoch_becomes_the_anchor() -> None:
    assert anchor_of(advance_to(make_state(), 3)) == anchor_of(make_state())
    anchor = anchor_of(EDGE)
    assert (anchor.height, anchor.block_id) == (4, EDGE.head.id)
    assert anchor.start_id == make_state().head.id
    assert (anchor.pool, anchor.voters) == (4 * VOTERS_SHARE, b"\x00")
    later = advance_to(EDGE, 8)
    assert anchor_of(later).start_id == EDGE.head.id
    assert (anchor_of(later).height, anchor_of(later).block_id) == (8, later.head.id)


def test_an_anchor_survives_and_a_damaged_one_does_not() -> None:
    anchor = Anchor(4, ZERO_HASH, Hash32(b"\x01" * 32), 10**30, b"\x05")
    raw = encode_anchor(anchor)
    assert decode_anchor(raw) == anchor
    assert [anchor.has(place) for place in range(4)] == [True, False, True, False]
    for damaged in (b"", raw[:-1], raw + b"\x00", b"\x96\x02" + raw[2:]):
        with pytest.raises(DecodeError):
            decode_anchor(damaged)


def test_votes_are_noted_in_as_many_transactions_as_it_takes() -> None:
    state, (receipt,) = advance(EDGE, report(make_participation(EDGE, 1)))
    assert (receipt.ok, receipt.fee_burned, receipt.tip) == (True, 0, 0)
    assert receipt.events[0].kind is EventKind.VOTES_COUNTED
    assert receipt.events[0].values == (0, 1)
    assert anchor_of(state).voters == b"\x02"
    assert anchor_of(collected(state, 0)).voters == b"\x03"
    both, receipts = advance(
        EDGE, report(make_participation(EDGE, 1)), report(make_participation(EDGE, 0))
    )
    assert [each.ok for each in receipts] == [True, True]
    assert anchor_of(both).voters == b"\x03"


def test_voters_are_paid_by_stake_when_the_window_closes() -> None:
    state = collected(EDGE, 0, 1)
    assert supply_view(state).voter_pool == 5 * VOTERS_SHARE
    state = advance_to(state, 7)
    before, treasury = [balance(state, each) for each in (0, 1)], supply_view(state).treasury
    state, _ = advance(state, proposer_index=0)
    own = split_reward(REWARDS, REWARDS.initial_reward)
    assert balance(state, 1) - before[1] == 2 * VOTERS_SHARE
    assert balance(state, 0) - before[0] == 2 * VOTERS_SHARE + own.proposer
    assert supply_view(state).treasury == treasury + own.treasury
    assert supply_view(state).voter_pool == 4 * VOTERS_SHARE
    assert anchor_of(state).pool == 4 * VOTERS_SHARE


def test_a_validator_sees_what_it_is_about_to_be_paid_and_when() -> None:
    own = split_reward(REWARDS, REWARDS.initial_reward)
    uncounted = rewards_view(EDGE, address(1))
    assert (uncounted.pending, uncounted.vote_counted, uncounted.accruing) == (0, False, 0)
    state = advance_to(collected(EDGE, 1), 7)
    view = rewards_view(state, address(1))
    assert (view.pending, view.vote_counted, view.paid_at) == (2 * VOTERS_SHARE, True, 8)
    assert view.accruing == 3 * VOTERS_SHARE // 2
    assert view.next_proposal == own.proposer
    before = balance(state, 1)
    state, _ = advance(state, proposer_index=0)
    assert (state.head.height, balance(state, 1) - before) == (view.paid_at, view.pending)
    assert rewards_view(state, address(1)).pending == 0
    assert rewards_view(advance(state)[0], address(1)).paid_at == 12


def test_what_was_not_voted_for_is_the_treasurys() -> None:
    state = advance_to(collected(EDGE, 1), 7)
    before, treasury = balance(state, 1), supply_view(state).treasury
    state, _ = advance(state, proposer_index=0)
    own = split_reward(REWARDS, REWARDS.initial_reward)
    assert balance(state, 1) - before == 2 * VOTERS_SHARE
    assert supply_view(state).treasury == treasury + own.treasury + 2 * VOTERS_SHARE


def test_parts_are_rounded_down_and_the_rest_is_the_treasurys() -> None:
    rewards = replace(REWARDS, initial_reward=51, treasury_bps=0)
    document = make_document(rewards=rewards)
    share = split_reward(rewards, 51).voters
    assert (share * 4) % 2 == 0
    states = [genesis_state(document)]
    body = make_registration(40, stake=2_000 * AI)
    states.append(advance(states[-1], seal(make_transaction(body)))[0])
    while states[-1].head.height < 20:
        states.append(advance(states[-1])[0])
    at_edge = states[-1]
    known = at_edge.epoch(4)
    assert known is not None
    total = sum(known.stakes.values())
    states.append(collected(at_edge, 0, 1, 2))
    while states[-1].head.height < 23:
        states.append(advance(states[-1])[0])
    before = states[-1]
    states.append(advance(before)[0])
    parts = [4 * share * stake // total for stake in known.stakes.values()]
    assert sum(parts) < 4 * share
    assert supply_view(states[-1]).treasury - supply_view(before).treasury == 4 * share - sum(parts)
    assert balance(states[-1], 2) - balance(before, 2) == parts[2]
    scan_supply(document, all_records(states).items())


def test_the_window_is_64_blocks_and_never_longer_than_an_epoch() -> None:
    assert closing_height(0, ConsensusParams(epoch_blocks=4)) == 8
    assert closing_height(0, ConsensusParams()) == 256 + 64
    assert closing_height(9, ConsensusParams(epoch_blocks=64)) == 11 * 64
    assert ANCHOR_WINDOW_BLOCKS == 64
    state = advance_to(make_state(make_document(epoch_blocks=70)), 70)
    last = advance_to(state, 133)
    counted, (receipt,) = advance(last, report(make_participation(last, 0)))
    assert receipt.ok
    assert anchor_of(counted).pool == 0
    assert refused(advance_to(state, 134), 0) is AnchorClosed


def refused(state: State, *places: int, **fields: Any) -> type[InvalidTransaction]:
    signed = report(make_participation(state, *places, **fields))
    built = build(state, [signed])
    assert built.state.root == advance(state)[0].root
    ((_, error),) = built.dropped
    with pytest.raises(Unchargeable):
        apply_block(state, make_block(state, [signed]))
    return type(error)


def test_a_vote_is_counted_once() -> None:
    state = collected(EDGE, 1)
    assert refused(state, 1) is VoteCounted
    assert refused(state, 0, 1) is VoteCounted
    assert anchor_of(collected(state, 0)).voters == b"\x03"


def test_only_votes_for_the_last_epoch_that_ended_are_counted() -> None:
    assert refused(EDGE, 0, epoch=1) is WrongAnchor
    assert refused(make_state(), 0, epoch=0) is WrongAnchor
    assert refused(advance_to(EDGE, 8), 0, epoch=0) is WrongAnchor
    assert refused(EDGE, 0, epoch=U64_MAX) is WrongAnchor


def test_only_members_of_the_epochs_set_have_votes() -> None:
    assert refused(EDGE, 2) is VotersMalformed
    longer = report(Participation(0, 7, b"\x01\x00", (BLANK,)))
    ((_, error),) = build(EDGE, [longer]).dropped
    assert isinstance(error, VotersMalformed)
    with pytest.raises(VotersMalformed):
        transaction_witnesses(EDGE, longer)


def test_with_epochs_of_one_block_each_block_is_an_anchor() -> None:
    state = make_state(make_document(epoch_blocks=1))
    for _ in range(5):
        state = collected(advance(state)[0], 0, 1)
        assert anchor_of(state).height == state.head.height
    assert supply_view(state).voter_pool == VOTERS_SHARE
    assert state.get(ABSENCES_KEY) is None


def big_three() -> State:
    """Two founders with 70 %, and a third validator, in epochs of one block."""
    staking = replace(STAKING, jail_blocks=3)
    state = genesis_state(make_document(epoch_blocks=1, staking=staking))
    body = make_registration(40, stake=4_000 * AI)
    state, _ = advance(state, seal(make_transaction(body)))
    while (known := state.epoch(state.head.height - 1)) is None or len(known.seats) < 3:
        state, _ = advance(state)
    return state


def test_who_misses_eight_anchors_in_a_row_is_jailed() -> None:
    state = big_three()
    for _ in range(ABSENT_ANCHORS_MAX - 1):
        state = collected(state, 0, 1)
    assert view_of(state, 2).jailed_until == 0
    assert state.get(ABSENCES_KEY) is not None
    rescued = collected(state, 0, 1, 2)
    assert rescued.get(ABSENCES_KEY) is None
    state = collected(state, 0, 1)
    until = state.head.height + 3
    assert view_of(state, 2).jailed_until == until
    assert state.get(ABSENCES_KEY) is None
    stakes = state.epoch(state.head.height + 1)
    assert stakes is not None
    assert stakes.stakes[2] < 4_000 * AI
    state = advance_to(state, until - 1)
    nonce = account_view(state, address(2)).nonce
    state, (receipt,) = advance(state, seal(make_transaction(Unjail(), nonce=nonce)))
    assert receipt.ok, receipt.error
    assert view_of(state, 2).jailed_until == 0


def test_without_a_quorum_nobody_was_absent() -> None:
    """Then the proposers did not collect: a quorum has voted, or the epoch would not have ended."""
    state = big_three()
    for _ in range(ABSENT_ANCHORS_MAX + 2):
        state = collected(state, 0)
    assert state.get(ABSENCES_KEY) is None
    assert [view_of(state, owner).jailed_until for owner in (0, 1, 2)] == [0, 0, 0]


def test_a_term_in_jail_is_not_made_longer() -> None:
    state = big_three()
    for _ in range(ABSENT_ANCHORS_MAX):
        state = collected(state, 0, 1)
    until = view_of(state, 2).jailed_until
    while (known := state.epoch(state.head.height - 1)) is not None and 2 in known.stakes:
        state = collected(state, 0, 1)
    assert view_of(state, 2).jailed_until == until


def test_the_votes_are_witnesses_as_consensus_signs_them() -> None:
    voters = EDGE.epoch(0)
    assert voters is not None
    start = make_state().head.id
    name = instance_id(EDGE.document.hash, 0, voters.validators.hash, start)
    message = Vote(name, VotePhase.COMMIT, 9, 4, EDGE.head.id).signing_bytes
    verdicts = []
    for signers in ((0, 1), (1, 0)):
        signatures = tuple(key(each).sign(message, b"aichain/vote/v1") for each in signers)
        body = Participation(0, 9, b"\x03", signatures)
        signed = sign_transaction(system(body), key(2), reveal=True)
        items = transaction_witnesses(EDGE, signed)
        assert items == block_witnesses(EDGE, make_block(EDGE, [signed]))[0]
        verdicts.append(
            [verify(each.public_key, each.message, each.context, each.signature) for each in items]
        )
    assert verdicts == [[True, True, True], [True, False, False]]
    other_view = replace(body, view=8)
    assert transaction_witnesses(EDGE, report(other_view))[1].message != message


def test_a_body_survives_the_wire_and_weighs_its_signatures() -> None:
    bits = (2**PARTICIPATION_VOTES_MAX - 1).to_bytes(8, "little")
    body = Participation(3, 9, bits, (BLANK,) * PARTICIPATION_VOTES_MAX)
    assert participation_from_fields(participation_fields(body)) == body
    signed = report(body)
    assert decode_transaction(signed.raw) == signed
    assert signed.transaction.kind is Kind.PARTICIPATION
    assert signed.weight == len(signed.raw) + 1_000 * (1 + PARTICIPATION_VOTES_MAX)
    assert signed.weight < 85_000


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"view": 0}, FieldOutOfRange),
        ({"view": U64_MAX + 1}, FieldOutOfRange),
        ({"epoch": -1}, FieldOutOfRange),
        ({"voters": bytes(126)}, FieldHasWrongLength),
        ({"voters": b"\x03"}, VotesMismatch),
        ({"voters": b""}, VotesMismatch),
        ({"signatures": ()}, FieldOutOfRange),
        ({"signatures": (BLANK,) * (PARTICIPATION_VOTES_MAX + 1)}, FieldOutOfRange),
        ({"signatures": (BLANK[1:],)}, FieldHasWrongLength),
    ],
)
def test_one_field_out_of_range_is_refused(
    fields: dict[str, Any], error: type[InvalidTransaction]
) -> None:
    with pytest.raises(error):
        replace(Participation(0, 1, b"\x01", (BLANK,)), **fields)


@pytest.mark.parametrize("size", [0, 1, len(BLANK) - 1, len(BLANK) + 1, 20 * len(BLANK)])
def test_signatures_have_one_size(size: int) -> None:
    with pytest.raises(InvalidData):
        participation_from_fields([0, 1, b"\x01", bytes(size)])


def test_voters_earn_half_of_what_validators_earn() -> None:
    state = advance_to(make_state(), 3)
    assert supply_view(state).staked == FOUNDER_STAKE * 2
    assert supply_view(state).voter_pool == 3 * VOTERS_SHARE
