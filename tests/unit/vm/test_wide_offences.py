"""Double signing in a committee: CLOSE and COMMIT, and what many seats together pay."""

from dataclasses import replace
from typing import Any

import pytest

from genesis.committee import COMMITTEE_SEATS, draw_seats
from genesis.limits import OFFENCES_MAX, STATE_RECORD_MAX_BYTES
from genesis.params import StakingParams
from genesis.signed_bytes import Lane, VotePhase, close_bytes, vote_bytes
from genesis.units import U64_MAX, U128_MAX
from native.errors import DecodeError, InvalidData
from native.hashing import ZERO_HASH
from native.signatures import verify
from tests.builders_evidence import (
    BLANK,
    CLOSE,
    ONE,
    make_close,
    make_evidence,
    make_vote,
    report,
    signed_claims,
    system,
)
from tests.builders_vm import FOUNDER_STAKE, advance, advance_to, key, make_state
from tests.builders_wide import make_wide_document
from vm.draft import Draft
from vm.errors import FieldOutOfRange
from vm.genesis_block import genesis_state
from vm.offences import (
    COMPANY_EPOCHS,
    CORRELATION,
    Offence,
    decode_offences,
    encode_offences,
    offences_of,
    penalty,
    seats_together,
)
from vm.state import State
from vm.system_bodies import CloseClaim, evidence_fields, evidence_from_fields
from vm.transactions import decode_transaction, sign_transaction
from vm.validator_errors import NotInConflict
from vm.witnesses import transaction_witnesses

PARAMS = StakingParams()
STATE = genesis_state(make_wide_document())
FORK_SEATS = 8
"""Two quorums of 14 among 20 seats share as many."""
TERM = 3
COMMIT = VotePhase.COMMIT


def in_term(state: State, offender: int, term: int = TERM, **fields: Any) -> Any:
    """Founder `offender` lied when it closed a term."""
    return make_evidence(state, offender, claims=CLOSE, lane=Lane.FAST, term=term, **fields)


def seats_of(state: State, term: int = TERM, epoch: int = 0) -> tuple[int, ...]:
    known = state.epoch(epoch)
    assert known is not None
    return draw_seats([seat.stake for seat in known.seats], known.seed, term)


def slashed(state: State) -> dict[int, int]:
    return {each.index: each.slashed for each in offences_of(Draft(state, 1))}


def test_a_commit_above_the_tip_of_a_close_is_proof_and_survives_the_wire() -> None:
    body = in_term(STATE, 1)
    assert evidence_from_fields(evidence_fields(body)) == body
    signed = report(body)
    assert decode_transaction(signed.raw) == signed
    name = body.instance.id
    assert body.messages == (close_bytes(name, 2, ONE), vote_bytes(name, COMMIT, 3, 3, ONE))


@pytest.mark.parametrize(
    "claims",
    [
        (make_close(3), make_vote()),
        (make_close(4), make_vote()),
        (make_close(2), make_vote(VotePhase.PREFER)),
        (make_close(2), make_vote(VotePhase.CANCEL)),
    ],
)
def test_what_a_seat_may_sign_after_its_close_is_no_evidence(claims: Any) -> None:
    with pytest.raises(NotInConflict):
        make_evidence(STATE, claims=claims, lane=Lane.FAST, term=TERM)


def test_the_two_signatures_have_contexts_of_their_own() -> None:
    body = signed_claims(in_term(STATE, 5), key(5))
    items = transaction_witnesses(STATE, sign_transaction(system(body), key(2), reveal=True))
    assert [each.context for each in items[1:]] == [b"aichain/close/v1", b"aichain/vote/v1"]
    assert all(
        verify(each.public_key, each.message, each.context, each.signature) for each in items
    )


@pytest.mark.parametrize(
    ("at", "value"), [(9, U64_MAX + 1), (10, 1), (11, b""), (12, b""), (13, 0), (0, 4)]
)
def test_a_damaged_close_is_bad_data(at: int, value: Any) -> None:
    fields = evidence_fields(in_term(STATE, 1))
    with pytest.raises(InvalidData):
        evidence_from_fields([*fields[:at], value, *fields[at + 1 :]])
    with pytest.raises(FieldOutOfRange):
        CloseClaim(-1, ONE, BLANK)


@pytest.mark.parametrize(
    ("seats", "lost"),
    [(0, 500), (1, 500), (2, 1_500), (3, 3_000), (7, 9_000), (8, 10_000), (20, 10_000)],
)
def test_every_seat_but_the_first_costs_three_twentieths(seats: int, lost: int) -> None:
    assert penalty(PARAMS, 10_000, 1, 1_000_000, seats) == lost


def test_the_seats_of_a_fork_cost_everything() -> None:
    assert CORRELATION * (FORK_SEATS - 1) >= COMMITTEE_SEATS
    assert penalty(PARAMS, U128_MAX, 1, U128_MAX, FORK_SEATS) == U128_MAX


def test_one_seat_pays_for_its_stake_and_a_committee_that_forks_pays_everything() -> None:
    """Eight of forty have a fifth of the stake: by that alone they would keep two fifths."""
    state = genesis_state(make_wide_document(40))
    bad = [index for index, seats in enumerate(seats_of(state)) if seats == 1][:FORK_SEATS]
    first, *others = bad
    state, _ = advance(state, report(in_term(state, first)))
    assert slashed(state) == {first: 3 * FOUNDER_STAKE // 40}
    for count, offender in enumerate(others, start=2):
        state, _ = advance(state, report(in_term(state, offender)))
        seated = 3 * FOUNDER_STAKE * (count - 1) // COMMITTEE_SEATS
        assert slashed(state)[first] == min(FOUNDER_STAKE, seated)
    assert slashed(state) == dict.fromkeys(bad, FOUNDER_STAKE)


def test_seats_are_drawn_again_from_the_set_and_the_seed() -> None:
    drawn = seats_of(STATE)
    assert max(drawn) > 1, "this term has a validator with several seats"
    whale, none = drawn.index(max(drawn)), drawn.index(0)
    state, _ = advance(STATE, report(in_term(STATE, whale)), report(in_term(STATE, none)))
    rows = {each.index: each.seats for each in offences_of(Draft(state, 2))}
    assert rows == {whale: max(drawn), none: 1}


def test_votes_of_the_hard_lane_and_of_other_sets_count_one_seat() -> None:
    drawn = seats_of(STATE)
    whale = drawn.index(max(drawn))
    for body in (
        make_evidence(STATE, whale, term=TERM),
        in_term(STATE, whale, vset_hash=ZERO_HASH),
    ):
        state, _ = advance(STATE, report(body))
        assert [each.seats for each in offences_of(Draft(state, 2))] == [1]


def test_a_term_of_an_epoch_that_is_forgotten_counts_one_seat() -> None:
    old = advance_to(STATE, 8)
    drawn = seats_of(STATE)
    state, (receipt,) = advance(old, report(in_term(old, drawn.index(max(drawn)))))
    assert receipt.ok
    assert [each.seats for each in offences_of(Draft(state, 9))] == [1]


def test_a_chain_of_one_lane_counts_no_seats_and_keeps_its_bytes() -> None:
    state = make_state()
    state, _ = advance(state, report(make_evidence(state, lane=Lane.FAST, term=TERM)))
    (row,) = offences_of(Draft(state, 2))
    assert row.seats == 0
    assert len(encode_offences([replace(row, seats=1)])) == len(encode_offences([row])) + 1


def test_who_accuses_itself_of_something_smaller_first_gains_nothing() -> None:
    """It is proven guilty at once, but votes on until the end of the next epoch."""
    blocks = COMPANY_EPOCHS * 4
    rows = [Offence(at, height, 1, 0, 1) for at, height in enumerate((1, 5, 5, 13, 14, 30))]
    assert seats_together(rows, blocks) == [4, 5, 5, 5, 4, 1]
    assert blocks > 2 * 4


def test_seats_survive_in_their_rows_and_damaged_ones_do_not() -> None:
    rows = (Offence(3, 9, 10**30, 7, 2), Offence(0, 2**60, 1, 0))
    raw = encode_offences(rows)
    assert decode_offences(raw) == rows
    for damaged in (raw[:-1], raw.replace(b"\x95", b"\x94", 1)):
        with pytest.raises(DecodeError):
            decode_offences(damaged)
    zero = encode_offences([Offence(3, 9, 1, 0, 2)])[:-1] + b"\x00"
    with pytest.raises(DecodeError):
        decode_offences(zero)


def test_the_offences_of_the_largest_set_fit_a_record() -> None:
    row = Offence(2**32 - 1, U64_MAX, U128_MAX, U128_MAX, COMMITTEE_SEATS)
    raw = encode_offences([row] * OFFENCES_MAX)
    assert len(raw) <= STATE_RECORD_MAX_BYTES
    assert decode_offences(raw) == (row,) * OFFENCES_MAX
