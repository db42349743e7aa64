"""Evidence as a body: what conflicts, what is signed, and its exact bytes."""

from typing import Any

import pytest

from genesis.signed_bytes import Lane, VotePhase, proposal_bytes, vote_bytes
from genesis.units import U64_MAX
from native import codec
from native.errors import InvalidData
from native.hashing import ZERO_HASH
from tests.builders_evidence import (
    BLANK,
    ONE,
    OTHER,
    PROPOSALS,
    VOTES,
    make_evidence,
    make_proposal,
    make_vote,
    system,
)
from tests.builders_vm import make_state, seal
from vm.errors import FieldHasWrongLength, FieldOutOfRange
from vm.system_bodies import (
    Claims,
    Evidence,
    ProposalClaim,
    VoteClaim,
    evidence_fields,
    evidence_from_fields,
)
from vm.transactions import Kind, decode_transaction
from vm.validator_errors import NotInConflict

STATE = make_state()
PREFER, COMMIT, CANCEL = VotePhase
EVERY: list[Claims] = [
    VOTES,
    PROPOSALS,
    (make_vote(PREFER), make_vote(PREFER, OTHER)),
    (make_vote(COMMIT), make_vote(CANCEL)),
    (make_vote(CANCEL), make_vote(COMMIT)),
    (make_vote(COMMIT, height=3), make_vote(COMMIT, height=4)),
    (make_proposal(justify_view=1), make_proposal(justify_view=2)),
]


@pytest.mark.parametrize("claims", EVERY)
def test_evidence_survives_the_wire(claims: Claims) -> None:
    body = make_evidence(STATE, claims=claims)
    assert evidence_from_fields(evidence_fields(body)) == body
    signed = seal(system(body))
    again = decode_transaction(signed.raw)
    assert again == signed
    assert again.transaction.kind is Kind.EVIDENCE
    assert len(signed.raw) < 13_000
    assert signed.weight == len(signed.raw) + 3 * 1_000


def test_each_side_is_what_consensus_lets_a_validator_sign() -> None:
    body = make_evidence(STATE)
    name = body.instance.id
    assert body.messages == (
        vote_bytes(name, COMMIT, 3, 3, ONE),
        vote_bytes(name, COMMIT, 3, 3, OTHER),
    )
    body = make_evidence(STATE, claims=PROPOSALS)
    assert body.messages[1] == proposal_bytes(name, 3, 1, 3, OTHER)


@pytest.mark.parametrize(
    "claims",
    [
        (make_vote(), make_vote()),
        (make_vote(PREFER), make_vote(CANCEL)),
        (make_vote(PREFER), make_vote(COMMIT)),
        (make_vote(PREFER), make_vote(COMMIT, OTHER)),
        (make_vote(CANCEL), make_vote(CANCEL)),
        (make_proposal(), make_proposal()),
    ],
)
def test_what_is_legal_together_is_no_evidence(claims: Claims) -> None:
    with pytest.raises(NotInConflict):
        make_evidence(STATE, claims=claims)


def test_another_signature_of_one_claim_is_no_second_claim() -> None:
    """ML-DSA signatures are hedged: one validator has many for one message."""
    other = VoteClaim(COMMIT, 3, ONE, b"\x01" + BLANK[1:])
    with pytest.raises(NotInConflict):
        make_evidence(STATE, claims=(make_vote(), other))


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: make_evidence(STATE, view=0), NotInConflict),
        (lambda: make_evidence(STATE, view=U64_MAX + 1), FieldOutOfRange),
        (lambda: make_evidence(STATE, epoch=-1), FieldOutOfRange),
        (lambda: make_evidence(STATE, term=U64_MAX + 1), FieldOutOfRange),
        (lambda: make_evidence(STATE, vset_hash=b""), FieldHasWrongLength),
        (lambda: VoteClaim(CANCEL, 1, ZERO_HASH, BLANK), FieldOutOfRange),
        (lambda: VoteClaim(CANCEL, 0, ONE, BLANK), FieldOutOfRange),
        (lambda: VoteClaim(COMMIT, 1, ONE, BLANK[1:]), FieldHasWrongLength),
        (lambda: VoteClaim(COMMIT, -1, ONE, BLANK), FieldOutOfRange),
        (lambda: ProposalClaim(-1, 1, ONE, BLANK), FieldOutOfRange),
        (lambda: ProposalClaim(1, 1, ONE, b""), FieldHasWrongLength),
    ],
)
def test_one_field_out_of_range_is_refused(build: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        build()


FIELDS = evidence_fields(make_evidence(STATE))


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0), (0, 3), (2, 2), (7, 0), (8, b"short"), (9, 0), (9, 4), (10, b""), (11, 1), (12, b"")],
)
def test_a_damaged_field_is_bad_data(at: int, value: codec.Value) -> None:
    with pytest.raises(InvalidData):
        evidence_from_fields([*FIELDS[:at], value, *FIELDS[at + 1 :]])


@pytest.mark.parametrize("fields", [[], FIELDS[:-1], [*FIELDS, 0]])
def test_the_array_has_its_length(fields: list[codec.Value]) -> None:
    with pytest.raises(InvalidData):
        evidence_from_fields(fields)


@pytest.mark.parametrize("field", ["nonce", "fee_max", "tip"])
def test_a_system_transaction_costs_and_counts_nothing(field: str) -> None:
    with pytest.raises(FieldOutOfRange) as caught:
        system(make_evidence(STATE), **{field: 1})
    assert (caught.value.field, caught.value.limit) == (field, 0)
    assert system(make_evidence(STATE)).is_system


def test_evidence_of_either_lane_is_evidence() -> None:
    body = make_evidence(STATE, lane=Lane.FAST, term=9)
    assert isinstance(evidence_from_fields(evidence_fields(body)), Evidence)
