"""Which pairs convict, and that nothing else does."""

from dataclasses import replace

import pytest

from consensus.errors import NotInConflict
from consensus.evidence import (
    ConflictingProposals,
    ConflictingVotes,
    Evidence,
    SignedClaim,
    certificates_conflict,
    check_evidence,
    decode_evidence,
    encode_evidence,
)
from consensus.votes import SignedVote, VotePhase
from native.codec import decode, encode
from native.errors import InvalidData
from tests.builders_consensus import (
    make_block,
    make_certificate,
    make_proposal,
    make_state,
    make_vote,
)

STATE = make_state()
ONE, OTHER = make_block(STATE, 1), make_block(STATE, 1, salt=1)


def vote(phase: VotePhase, *, block: int = 0, view: int = 1, voter: int = 2) -> SignedVote:
    chosen = None if phase is VotePhase.CANCEL else (ONE, OTHER)[block]
    return make_vote(STATE, voter, phase, view, chosen)


PREFER, COMMIT, CANCEL = VotePhase.PREFER, VotePhase.COMMIT, VotePhase.CANCEL
GUILTY = [
    (vote(PREFER), vote(PREFER, block=1)),
    (vote(COMMIT), vote(COMMIT, block=1)),
    (vote(COMMIT), vote(CANCEL)),
    (vote(CANCEL), vote(COMMIT, block=1)),
]
INNOCENT = [
    (vote(PREFER), vote(PREFER)),
    (vote(PREFER), vote(CANCEL)),  # R4: legal
    (vote(PREFER), vote(COMMIT)),
    (vote(PREFER), vote(COMMIT, block=1)),  # R3 goes by the NOTAR, not by the own PREFER
    (vote(PREFER), vote(PREFER, block=1, view=2)),
    (vote(COMMIT), vote(CANCEL, view=2)),
    (vote(PREFER), vote(PREFER, block=1, voter=3)),
]


@pytest.mark.parametrize(("first", "second"), GUILTY)
def test_a_guilty_pair_of_votes(first: SignedVote, second: SignedVote) -> None:
    evidence = ConflictingVotes(first, second)
    check_evidence(evidence)
    assert (evidence.offender, evidence.epoch) == (2, 0)


@pytest.mark.parametrize(("first", "second"), INNOCENT)
def test_an_innocent_pair_of_votes(first: SignedVote, second: SignedVote) -> None:
    with pytest.raises(NotInConflict):
        check_evidence(ConflictingVotes(first, second))


def test_votes_of_two_instances_convict_nobody() -> None:
    elsewhere = replace(vote(PREFER, block=1).vote, instance_id=ONE.id)
    with pytest.raises(NotInConflict):
        check_evidence(ConflictingVotes(vote(PREFER), replace(vote(PREFER), vote=elsewhere)))


def claims(*, view: int = 1, proposer_index: int | None = None) -> ConflictingProposals:
    first = SignedClaim.of(make_proposal(STATE, ONE))
    second = SignedClaim.of(make_proposal(STATE, OTHER))
    index = first.claim.proposer_index if proposer_index is None else proposer_index
    changed = replace(second.claim, view=view, proposer_index=index)
    return ConflictingProposals(first, replace(second, claim=changed))


def test_two_proposals_for_one_view_convict() -> None:
    check_evidence(claims())
    assert claims().offender == STATE.instance.proposer(1)


def test_one_block_with_two_justifications_convicts() -> None:
    first = make_proposal(STATE, make_block(STATE, 3, ONE), justify_view=1)
    second = make_proposal(STATE, make_block(STATE, 3, ONE), justify_view=2)
    check_evidence(ConflictingProposals(SignedClaim.of(first), SignedClaim.of(second)))


def test_proposals_for_two_views_convict_nobody() -> None:
    with pytest.raises(NotInConflict):
        check_evidence(claims(view=2))
    with pytest.raises(NotInConflict):
        check_evidence(claims(proposer_index=STATE.instance.proposer(1) + 1))
    same = SignedClaim.of(make_proposal(STATE, ONE))
    with pytest.raises(NotInConflict):
        check_evidence(ConflictingProposals(same, replace(same, signature=b"again")))


@pytest.mark.parametrize(
    "evidence", [*(ConflictingVotes(*pair) for pair in GUILTY), claims()], ids=str
)
def test_the_canonical_form_comes_back(evidence: Evidence) -> None:
    raw = encode(encode_evidence(evidence))
    assert decode_evidence(decode(raw, max_bytes=16_384, max_items=64)) == evidence


def test_innocent_pairs_do_not_decode() -> None:
    for first, second in INNOCENT[:4]:
        with pytest.raises(NotInConflict):
            decode_evidence(encode_evidence(ConflictingVotes(first, second)))


def test_garbage_does_not_decode() -> None:
    fields = encode_evidence(claims())
    for wrong in ([], [3, *fields[1:]], fields[:-1], [*fields[:5], [], []]):
        with pytest.raises(InvalidData):
            decode_evidence(wrong)


def test_conflicting_certificates_convict_everybody_in_both() -> None:
    final = make_certificate(STATE, COMMIT, 1, ONE, voters=(0, 1, 2))
    null = make_certificate(STATE, CANCEL, 1, voters=(1, 2, 3))
    notar = make_certificate(STATE, PREFER, 1, OTHER, voters=(1, 2, 3))
    assert {found.offender for found in certificates_conflict(final, null)} == {1, 2}
    assert certificates_conflict(notar, null) == ()
    for found in certificates_conflict(final, null):
        check_evidence(found)
