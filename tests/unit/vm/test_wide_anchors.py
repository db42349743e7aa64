"""Anchors of a chain of two lanes: votes are for the checkpoint that ends at the anchor."""

from dataclasses import replace
from typing import Any

import pytest

from consensus.electorate import Electorate
from consensus.lanes.checkpoints import Checkpoint as ConsensusCheckpoint
from consensus.lanes.voters import EpochVoters, ballot_instance
from consensus.votes import Vote, VotePhase
from genesis.errors import CheckpointOutOfRange
from genesis.limits import (
    ABSENT_ANCHORS_MAX,
    PARTICIPATION_VOTES_MAX,
    SYSTEM_TRANSACTIONS_MAX,
    TRANSACTION_MAX_BYTES,
)
from genesis.units import U64_MAX
from native.errors import DecodeError
from native.hashing import ZERO_HASH
from native.signatures import verify
from tests.builders_evidence import BLANK, ONE, make_participation, report, system
from tests.builders_vm import (
    address,
    advance,
    advance_to,
    balance,
    build,
    key,
    make_block,
    make_state,
)
from tests.builders_wide import (
    WIDE,
    make_anchor_checkpoint,
    make_checkpoint_votes,
    make_wide_document,
)
from vm.anchors import read_anchor
from vm.apply import apply_block
from vm.errors import UnchargeableTransaction
from vm.genesis_block import genesis_state
from vm.queries import validator_view
from vm.state import State
from vm.system_bodies import participation_fields, participation_from_fields
from vm.transactions import decode_transaction, sign_transaction
from vm.validator_errors import (
    CheckpointMisplaced,
    TooManySystemTransactions,
    VoteCounted,
    WrongCheckpoint,
)
from vm.witnesses import transaction_witnesses

EDGE = advance_to(genesis_state(make_wide_document()), 4)
QUORUM = range(17)
"""Of 24 equal founders."""


def refusal(state: State, body: Any) -> Exception:
    ((_, error),) = build(state, [report(body)]).dropped
    with pytest.raises(UnchargeableTransaction):
        apply_block(state, make_block(state, [report(body)]))
    return error


def test_votes_for_the_checkpoint_of_the_anchor_are_counted() -> None:
    state, (receipt,) = advance(EDGE, report(make_checkpoint_votes(EDGE, 0, 9, 23)))
    assert receipt.ok
    assert receipt.events[0].values == (0, 3)
    assert read_anchor(state.get).voters == b"\x01\x02\x80"
    assert isinstance(refusal(state, make_checkpoint_votes(state, 9)), VoteCounted)


def test_one_block_may_be_the_end_of_several_checkpoints() -> None:
    """Another view, or another proposer, is another checkpoint with an id of its own."""
    state, _ = advance(
        EDGE,
        report(make_checkpoint_votes(EDGE, 0)),
        report(make_checkpoint_votes(EDGE, 1, proposer_index=6)),
        report(make_checkpoint_votes(EDGE, 2, is_restart=True)),
    )
    assert read_anchor(state.get).voters == b"\x07\x00\x00"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"block_id": ONE}, "block_id"),
        ({"block_height": 3}, "block_height"),
        ({"epoch": 1}, "epoch"),
        ({"next_vset_hash": ZERO_HASH}, "next_vset_hash"),
    ],
)
def test_a_checkpoint_that_ends_elsewhere_is_refused(changes: dict[str, Any], field: str) -> None:
    error = refusal(EDGE, make_checkpoint_votes(EDGE, 0, **changes))
    assert isinstance(error, WrongCheckpoint)
    assert error.field == field
    with pytest.raises(WrongCheckpoint):
        transaction_witnesses(EDGE, report(make_checkpoint_votes(EDGE, 0, **changes)))


def test_two_lanes_need_a_checkpoint_and_one_lane_has_none() -> None:
    assert isinstance(refusal(EDGE, make_participation(EDGE, 0)), CheckpointMisplaced)
    narrow = advance_to(make_state(), 4)
    assert not narrow.document.has_lanes
    assert isinstance(refusal(narrow, make_checkpoint_votes(narrow, 0)), CheckpointMisplaced)


def test_the_votes_are_witnesses_as_the_hard_lane_signs_them() -> None:
    voters = EDGE.epoch(0)
    assert voters is not None
    checkpoint = make_anchor_checkpoint(EDGE)
    parent = ConsensusCheckpoint(8, ZERO_HASH, ONE, 3, False, ZERO_HASH, 0, 1, 0, 1)
    everybody = Electorate.of(voters.validators, 0, voters.seed)
    ballot = ballot_instance(
        parent, EpochVoters(everybody, voters.seed, 2), genesis_hash=EDGE.document.hash
    )
    checkpoint = replace(checkpoint, parent_id=parent.id)
    vote = Vote(ballot.id, VotePhase.COMMIT, 7, checkpoint.number, checkpoint.id)
    signatures = tuple(key(each).sign(vote.signing_bytes, b"aichain/vote/v1") for each in (3, 20))
    body = replace(make_checkpoint_votes(EDGE, 3, 20), checkpoint=checkpoint, signatures=signatures)
    items = transaction_witnesses(EDGE, sign_transaction(system(body), key(2), reveal=True))
    assert all(
        verify(each.public_key, each.message, each.context, each.signature) for each in items
    )
    other = report(replace(body, checkpoint=replace(checkpoint, view=3)))
    assert transaction_witnesses(EDGE, other)[1].message != items[1].message


def test_who_voted_is_paid_and_who_is_missing_from_eight_anchors_is_jailed() -> None:
    document = make_wide_document(epoch_blocks=1)
    state = advance(genesis_state(document))[0]
    before = [balance(state, each) for each in (16, 23)]
    for anchors in range(ABSENT_ANCHORS_MAX):
        view = validator_view(state, address(23))
        assert view is not None
        assert view.jailed_until == 0, f"after {anchors}"
        state, _ = advance(state, report(make_checkpoint_votes(state, *QUORUM)))
    view = validator_view(state, address(23))
    assert view is not None
    assert view.jailed_until > 0
    assert balance(state, 16) > before[0]
    assert balance(state, 23) == before[1]


def test_a_block_takes_a_bounded_number_of_system_transactions() -> None:
    votes = [report(make_checkpoint_votes(EDGE, at)) for at in range(SYSTEM_TRANSACTIONS_MAX + 3)]
    built = build(EDGE, votes)
    assert not built.dropped
    assert len(built.block.transactions) == SYSTEM_TRANSACTIONS_MAX
    state, receipts = apply_block(EDGE, built.block)
    assert all(receipt.ok for receipt in receipts)
    later, _ = advance(state, *votes[SYSTEM_TRANSACTIONS_MAX:])
    assert read_anchor(later.get).voters == b"\xff\x07\x00"
    with pytest.raises(TooManySystemTransactions):
        apply_block(EDGE, make_block(EDGE, votes[: SYSTEM_TRANSACTIONS_MAX + 1]))


def test_the_largest_transaction_of_votes_fits() -> None:
    """A thousand members, each number as long as it can be, and the sender's key."""
    checkpoint = make_anchor_checkpoint(
        EDGE, number=U64_MAX, block_height=U64_MAX, view=U64_MAX, timestamp_ms=U64_MAX
    )
    voters = (2**PARTICIPATION_VOTES_MAX - 1).to_bytes(125, "big")
    votes = replace(
        make_checkpoint_votes(EDGE, 0),
        voters=voters,
        view=U64_MAX,
        signatures=(BLANK,) * PARTICIPATION_VOTES_MAX,
        checkpoint=checkpoint,
    )
    signed = report(votes)
    assert signed.public_key
    assert TRANSACTION_MAX_BYTES - 600 < len(signed.raw) <= TRANSACTION_MAX_BYTES
    assert decode_transaction(signed.raw) == signed
    assert signed.weight < 85_000


def test_a_body_with_a_checkpoint_survives_the_wire_and_a_damaged_one_does_not() -> None:
    body = make_checkpoint_votes(EDGE, 0, WIDE - 1)
    fields = participation_fields(body)
    assert participation_from_fields(fields) == body
    assert decode_transaction(report(body).raw) == report(body)
    for damaged in (
        fields[:-1],
        [*fields, 0],
        fields[:5],
        fields[:3],
        [*fields[:8], 2, *fields[9:]],
    ):
        with pytest.raises(DecodeError):
            participation_from_fields(damaged)
    with pytest.raises(CheckpointOutOfRange):
        make_anchor_checkpoint(EDGE, view=U64_MAX + 1)
