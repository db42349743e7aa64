"""Evidence for any two signatures: the ledger punishes exactly what consensus reports."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import NotInConflict as NotAccused
from consensus.evidence import ConflictingProposals, ConflictingVotes, SignedClaim, check_evidence
from consensus.evidence import Evidence as Accusation
from consensus.lanes.accusations import close_is_broken
from consensus.lanes.closes import Close
from consensus.proposals import BareProposal
from consensus.votes import SignedVote, Vote
from genesis.params import StakingParams
from genesis.signed_bytes import InstanceName, Lane, VotePhase
from genesis.units import BPS, U128_MAX
from native.hashing import ZERO_HASH, Hash32
from tests.builders_evidence import BLANK, make_instance
from tests.builders_vm import address, make_state
from vm.offences import Offence, penalty, seats_together
from vm.system_bodies import (
    CloseClaim,
    Evidence,
    ProposalClaim,
    VoteClaim,
    evidence_fields,
    evidence_from_fields,
)
from vm.validator_errors import NotInConflict

STATE = make_state()
BLOCKS = st.sampled_from([Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)])
HEIGHTS = st.sampled_from([1, 2])
VIEWS = st.sampled_from([1, 2, 2**64 - 1])


@st.composite
def votes(draw: st.DrawFn) -> VoteClaim:
    phase = draw(st.sampled_from(VotePhase))
    if phase is VotePhase.CANCEL:
        return VoteClaim(phase, 0, ZERO_HASH, BLANK)
    return VoteClaim(phase, draw(HEIGHTS), draw(BLOCKS), BLANK)


proposals = st.builds(ProposalClaim, st.sampled_from([0, 1]), HEIGHTS, BLOCKS, st.just(BLANK))
pairs: st.SearchStrategy[Any] = st.one_of(
    st.tuples(votes(), votes()), st.tuples(proposals, proposals)
)
instances = st.builds(
    lambda epoch, lane, term: make_instance(STATE, epoch, lane=lane, term=term),
    st.sampled_from([0, 7, 2**64 - 1]),
    st.sampled_from(Lane),
    st.sampled_from([0, 2**64 - 1]),
)


def accusation(name: InstanceName, view: int, claims: Any) -> Accusation:
    """What the consensus core would report of the same two messages."""
    if isinstance(claims[0], VoteClaim):
        first, second = (
            SignedVote(
                Vote(name.id, each.phase, view, each.height, each.block_id), 0, 1, each.signature
            )
            for each in claims
        )
        return ConflictingVotes(first, second)
    one, other = (
        SignedClaim(
            BareProposal(name.id, 0, view, each.justify_view, each.height, each.block_id, 1),
            each.signature,
        )
        for each in claims
    )
    return ConflictingProposals(one, other)


def messages_of(reported: Accusation) -> tuple[bytes, bytes]:
    match reported:
        case ConflictingVotes(first, second):
            return first.vote.signing_bytes, second.vote.signing_bytes
        case ConflictingProposals(one, other):
            return one.claim.signing_bytes, other.claim.signing_bytes


@given(instances, VIEWS, pairs)
def test_consensus_and_ledger_agree_on_what_is_a_double_signature(
    name: InstanceName, view: int, claims: Any
) -> None:
    reported = accusation(name, view, claims)
    try:
        check_evidence(reported)
        guilty = True
    except NotAccused:
        guilty = False
    try:
        body = Evidence(name, view, address(1), claims)
    except NotInConflict:
        assert not guilty
        return
    assert guilty
    assert body.messages == messages_of(reported)
    assert evidence_from_fields(evidence_fields(body)) == body


closes = st.builds(CloseClaim, st.sampled_from([0, 1, 2, 2**64 - 1]), BLOCKS, st.just(BLANK))


@given(instances, VIEWS, closes, votes())
def test_consensus_and_ledger_agree_on_what_breaks_a_close(
    name: InstanceName, view: int, close: CloseClaim, vote: VoteClaim
) -> None:
    said = Close(name.id, close.tip_view, close.tip_id)
    cast = Vote(name.id, vote.phase, view, vote.height, vote.block_id)
    guilty = close_is_broken(said, cast)
    try:
        body = Evidence(name, view, address(1), (close, vote))
    except NotInConflict:
        assert not guilty
        return
    assert guilty
    assert body.messages == (said.signing_bytes, cast.signing_bytes)
    assert evidence_from_fields(evidence_fields(body)) == body


amounts = st.one_of(st.integers(0, 100), st.integers(0, U128_MAX))


@given(st.integers(0, BPS), amounts, amounts, st.integers(1, U128_MAX), st.integers(0, 20_000))
def test_a_penalty_is_within_the_minimum_and_the_whole(
    slash_bps: int, exposed: int, together: int, total: int, seats: int
) -> None:
    params = StakingParams(slash_bps=slash_bps)
    lost = penalty(params, exposed, together, total, seats)
    assert exposed * slash_bps // BPS <= lost <= exposed
    assert lost == exposed or (3 * together < total and seats < 8)
    assert penalty(params, exposed, together + 1, total, seats) >= lost
    assert penalty(params, exposed, together, total, seats + 1) >= lost


ROWS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=20)


@given(ROWS, st.integers(0, 70))
def test_seats_count_together_with_all_that_are_near(
    rows: list[tuple[int, int]], blocks: int
) -> None:
    offences = [Offence(0, height, 1, 0, seats) for height, seats in sorted(rows)]
    assert seats_together(offences, blocks) == [
        sum(other.seats for other in offences if abs(other.height - each.height) <= blocks)
        for each in offences
    ]
