"""Evidence for any two signatures: the ledger punishes exactly what consensus reports."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import NotInConflict as NotAccused
from consensus.evidence import ConflictingProposals, ConflictingVotes, SignedClaim, check_evidence
from consensus.evidence import Evidence as Accusation
from consensus.proposals import ProposalClaim as SignedProposalClaim
from consensus.votes import SignedVote, Vote
from genesis.ballots import InstanceName, Lane, VotePhase
from genesis.params import StakingParams
from genesis.units import BPS, U128_MAX
from native.hashing import ZERO_HASH, Hash32
from tests.builders_evidence import BLANK, make_instance
from tests.builders_vm import address, make_state
from vm.offences import penalty
from vm.system_bodies import (
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
            SignedProposalClaim(name.id, 0, view, each.justify_view, each.height, each.block_id, 1),
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


amounts = st.one_of(st.integers(0, 100), st.integers(0, U128_MAX))


@given(st.integers(0, BPS), amounts, amounts, st.integers(1, U128_MAX))
def test_a_penalty_is_within_the_minimum_and_the_whole(
    slash_bps: int, exposed: int, together: int, total: int
) -> None:
    params = StakingParams(slash_bps=slash_bps)
    lost = penalty(params, exposed, together, total)
    assert exposed * slash_bps // BPS <= lost <= exposed
    assert lost == exposed or 3 * together < total
    assert penalty(params, exposed, together + 1, total) >= lost
