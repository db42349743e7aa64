"""Checkpoints, CLOSEs, proofs, accusations and records: golden bytes, exact codecs, refusals."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consensus.errors import InvalidProof, MalformedClose, NotInConflict, WrongTerm
from consensus.evidence import ConflictingVotes
from consensus.lanes.accusations import (
    Accusation,
    BrokenClose,
    check_accusation,
    decode_accusation,
    encode_accusation,
)
from consensus.lanes.checkpoints import (
    Checkpoint,
    checkpoint_ref,
    decode_checkpoint,
    first_checkpoint,
)
from consensus.lanes.closes import (
    Close,
    CloseMessage,
    SignedClose,
    decode_close_message,
)
from consensus.lanes.messages import (
    CheckpointMessage,
    Decision,
    TermProposal,
    decode_checkpoint_message,
    decode_decision,
    decode_term_proposal,
)
from consensus.lanes.proofs import (
    BoundaryFinal,
    CheckpointProof,
    CommitteeClosed,
    WaitedOut,
    check_proof,
    decode_proof,
    encode_proof,
)
from consensus.lanes.records import (
    CheckpointHard,
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    decode_lane_record,
    encode_lane_record,
    lane_record_instance,
)
from consensus.proposals import Proposal, ProposalMessage, SignedProposal
from consensus.records import CertificateSeen, VoteCast
from consensus.votes import Lane, SignedVote, Vote, VotePhase, decode_lane_vote, encode_vote
from genesis.limits import LANE_MEMBERS_MAX
from native.codec import Value, decode, encode
from native.errors import InvalidData
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import GENESIS, GENESIS_HASH
from tests.builders_lanes import (
    LaneDriver,
    make_certificate,
    make_checkpoint,
    make_child,
    make_close,
    quorum_of,
)

STATE = LaneDriver.started().state
TERM = STATE.terms[0].instance
BLOCKS = [GENESIS]
for number in range(1, 5):
    BLOCKS.append(make_child(TERM, BLOCKS[-1], number, parent_view=number - 1))
NOTAR = make_certificate(TERM, VotePhase.PREFER, 2, BLOCKS[2])
FINAL = make_certificate(TERM, VotePhase.COMMIT, 4, BLOCKS[4])
CLOSES = tuple(make_close(TERM, index).signed for index in quorum_of(TERM))
END = make_checkpoint(STATE, BLOCKS[4])
MIDDLE = make_checkpoint(STATE, BLOCKS[2], is_restart=True)
START = make_checkpoint(STATE, GENESIS, is_restart=True)
SEEN = blake3_256(b"seen")

GOLDEN_CHECKPOINT = "0f9a35397fd18fb39f5b6318427567e3da5e5e191c743d7943808caa6f982e5c"
GOLDEN_PROPOSED = "8107ab32fda6f8d9d2b5ae92598b07d7"
GOLDEN_DECIDED = "ad595f0a01155dcccfe4faf0dc6ed20d"
GOLDEN_IN_TERM = "37720bad194f9b72a0ee62abccb96496"
GOLDEN_DIGESTS = [
    "ba622ea22b209c3acaf658b0aa15cf58",
    "3312ed13d4c0d47454e8149d686eb023",
    "414f6147f9e4f86f7f982d51940e6c19",
    "55e6539f0a5b553803fd692e4fda562c",
]


def through_bytes(value: list[Value]) -> list[Value]:
    return decode(encode(value), max_bytes=2**20, max_items=2**12)


def digest(value: list[Value]) -> str:
    return blake3_256(encode(value)).hex()[:32]


# --- golden bytes ---------------------------------------------------------------------------------


def test_a_checkpoint_is_golden() -> None:
    checkpoint = Checkpoint(
        7, Hash32(b"p" * 32), Hash32(b"x" * 32), 28, True, Hash32(b"v" * 32), 1, 3, 5, 99
    )
    assert encode(checkpoint.encode()).hex() == (
        "9a07c420" + "70" * 32 + "c420" + "78" * 32 + "1c01c420" + "76" * 32 + "01030563"
    )
    assert checkpoint.id.hex() == GOLDEN_CHECKPOINT


def test_what_a_seat_signs_is_golden() -> None:
    close = Close(Hash32(b"i" * 32), 258, Hash32(b"t" * 32))
    assert close.signing_bytes == b"AICC1" + b"i" * 32 + bytes(6) + b"\x01\x02" + b"t" * 32
    signed = SignedClose(close, 3, 9, 4, b"signature")
    message = CloseMessage(replace(signed, close=replace(close, tip_view=0)), None)
    assert encode(message.encode()).hex() == (
        "9297c420" + "69" * 32 + "030900c420" + "74" * 32 + "04c4097369676e617475726590"
    )


def test_the_long_values_are_golden() -> None:
    broken = BrokenClose(CLOSES[0], SignedVote(FINAL.vote, 0, CLOSES[0].voter_index, b"vote"))
    accusation = Accusation(Lane.FAST, 0, 1, GENESIS.id, broken)
    proofs = (BoundaryFinal(FINAL), CommitteeClosed(NOTAR, CLOSES), WaitedOut(None))
    found = [digest(encode_accusation(accusation)), *(digest(encode_proof(p)) for p in proofs)]
    assert found == GOLDEN_DIGESTS


def test_a_lane_vote_names_its_lane_and_term() -> None:
    vote = Vote(TERM.id, VotePhase.PREFER, 2, 2, BLOCKS[2].id)
    wire = encode_vote(SignedVote(vote, 0, 3, b"signature"), Lane.FAST, 5)
    assert wire[:3] == [1, 0, 5]
    lane, term, received = decode_lane_vote(through_bytes(wire))
    assert (lane, term) == (Lane.FAST, 5)
    assert received.bind(TERM.id) == SignedVote(vote, 0, 3, b"signature")


# --- round trips and refusals ---------------------------------------------------------------------

BALLOT = STATE.ballot.instance
SIGNED = SignedProposal(
    Proposal(BALLOT.id, 1, 0, checkpoint_ref(END), BALLOT.proposer(1)), b"signature"
)
PROPOSED = CheckpointMessage.of(SIGNED, END, BoundaryFinal(FINAL))
DECIDED = Decision(END, make_certificate(BALLOT, VotePhase.COMMIT, 1, checkpoint_ref(END)))
BLOCK_PROPOSAL = SignedProposal(Proposal(TERM.id, 1, 0, BLOCKS[1], TERM.proposer(1)), b"signature")
IN_TERM = TermProposal(1, TERM.id, ProposalMessage.of(BLOCK_PROPOSAL, b"header", (SEEN,)))

CODECS: list[tuple[Any, Callable[[Any], list[Value]], Callable[[Value], Any]]] = [
    (END, Checkpoint.encode, decode_checkpoint),
    (first_checkpoint(GENESIS, SEEN), Checkpoint.encode, decode_checkpoint),
    (make_close(TERM, 2), CloseMessage.encode, decode_close_message),
    (make_close(TERM, 2, NOTAR), CloseMessage.encode, decode_close_message),
    (BoundaryFinal(FINAL), encode_proof, decode_proof),
    (CommitteeClosed(NOTAR, CLOSES), encode_proof, decode_proof),
    (CommitteeClosed(None, CLOSES), encode_proof, decode_proof),
    (WaitedOut(NOTAR), encode_proof, decode_proof),
    (PROPOSED, CheckpointMessage.encode, decode_checkpoint_message),
    (replace(PROPOSED, proof=None), CheckpointMessage.encode, decode_checkpoint_message),
    (DECIDED, Decision.encode, decode_decision),
    (IN_TERM, TermProposal.encode, decode_term_proposal),
]


@pytest.mark.parametrize(("value", "coded", "decoded"), CODECS)
def test_a_value_comes_back(
    value: Any, coded: Callable[[Any], list[Value]], decoded: Callable[[Value], Any]
) -> None:
    wire = coded(value)
    assert decoded(through_bytes(wire)) == value
    for wrong in (wire[:-1], [*wire, 0], [], [b"" for _ in wire], [2**64 - 1 for _ in wire]):
        with pytest.raises(InvalidData):
            decoded(list(wrong))


def test_messages_are_bound_to_the_ballot_they_are_about() -> None:
    assert PROPOSED.bind(BALLOT.id) == SIGNED
    assert digest(PROPOSED.encode()) == GOLDEN_PROPOSED
    assert digest(DECIDED.encode()) == GOLDEN_DECIDED
    assert digest(IN_TERM.encode()) == GOLDEN_IN_TERM
    with pytest.raises(InvalidData):
        Decision(MIDDLE, DECIDED.certificate)
    with pytest.raises(InvalidData):
        decode_checkpoint_message(replace(PROPOSED, proposer_index=LANE_MEMBERS_MAX).encode())


def test_a_decision_of_a_hundred_voters_fits_and_one_of_too_many_does_not() -> None:
    many = replace(DECIDED.certificate, voters=bytes(13), signatures=(b"s",) * 100)
    held = Decision(END, many)
    assert decode_decision(through_bytes(held.encode())) == held
    for wrong in (replace(many, voters=bytes(129)), replace(many, signatures=(b"s",) * 1_025)):
        with pytest.raises(InvalidData):
            decode_decision(Decision(END, wrong).encode())


def test_a_close_cannot_claim_a_tip_it_does_not_show() -> None:
    signed = make_close(TERM, 2, NOTAR).signed
    with pytest.raises(MalformedClose):
        CloseMessage(signed, None)
    with pytest.raises(MalformedClose):
        CloseMessage(signed, make_certificate(TERM, VotePhase.PREFER, 3, BLOCKS[2]))
    with pytest.raises(MalformedClose):
        CloseMessage(signed, FINAL)
    with pytest.raises(MalformedClose):
        CloseMessage(make_close(TERM, 2).signed, NOTAR)


# --- proofs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proof", "checkpoint"),
    [
        (BoundaryFinal(FINAL), END),
        (CommitteeClosed(NOTAR, CLOSES), MIDDLE),
        (CommitteeClosed(None, CLOSES), START),
        (WaitedOut(NOTAR), MIDDLE),
        (WaitedOut(None), START),
        (WaitedOut(FINAL), END),
    ],
)
def test_a_proof_of_its_block_holds(proof: CheckpointProof, checkpoint: Checkpoint) -> None:
    check_proof(proof, checkpoint, TERM)


@pytest.mark.parametrize(
    ("proof", "checkpoint"),
    [
        (BoundaryFinal(FINAL), MIDDLE),
        (BoundaryFinal(make_certificate(TERM, VotePhase.PREFER, 4, BLOCKS[4])), END),
        (BoundaryFinal(make_certificate(TERM, VotePhase.COMMIT, 2, BLOCKS[2])), MIDDLE),
        (BoundaryFinal(make_certificate(TERM, VotePhase.COMMIT, 4, BLOCKS[4], voters=[1])), END),
        (WaitedOut(None), MIDDLE),
        (WaitedOut(make_certificate(TERM, VotePhase.CANCEL, 2)), MIDDLE),
        (CommitteeClosed(NOTAR, CLOSES[1:]), MIDDLE),
        (CommitteeClosed(NOTAR, (*CLOSES[1:], CLOSES[1])), MIDDLE),
        (CommitteeClosed(NOTAR, (make_close(TERM, 0, FINAL).signed, *CLOSES[1:])), MIDDLE),
        (CommitteeClosed(NOTAR, (replace(CLOSES[0], voter_index=19), *CLOSES[1:])), MIDDLE),
    ],
)
def test_a_proof_of_something_else_is_refused(
    proof: CheckpointProof, checkpoint: Checkpoint
) -> None:
    with pytest.raises(InvalidData):
        check_proof(proof, checkpoint, TERM)


def test_a_close_of_another_term_proves_nothing() -> None:
    foreign = replace(CLOSES[0], close=replace(CLOSES[0].close, instance_id=SEEN))
    with pytest.raises(InvalidProof):
        check_proof(CommitteeClosed(NOTAR, (foreign, *CLOSES[1:])), MIDDLE, TERM)


# --- accusations ----------------------------------------------------------------------------------


def accuse(tip_view: int, commit: Vote, *, term: int = 1, voter: int = 0) -> Accusation:
    close = SignedClose(Close(TERM.id, tip_view, SEEN), 0, term, 0, b"close")
    broken = BrokenClose(close, SignedVote(commit, 0, voter, b"vote"))
    return Accusation(Lane.FAST, 0, term, GENESIS.id, broken)


def test_a_commit_above_its_close_convicts() -> None:
    accusation = accuse(3, FINAL.vote)
    check_accusation(accusation, TERM.electorate, GENESIS_HASH)
    assert decode_accusation(through_bytes(encode_accusation(accusation))) == accusation
    votes = [SignedVote(replace(FINAL.vote, block_id=each), 0, 1, b"") for each in (SEEN, TERM.id)]
    other = Accusation(Lane.FAST, 0, 1, GENESIS.id, ConflictingVotes(votes[0], votes[1]))
    check_accusation(other, TERM.electorate, GENESIS_HASH)
    assert decode_accusation(through_bytes(encode_accusation(other))) == other


@pytest.mark.parametrize(
    "accusation", [accuse(4, FINAL.vote), accuse(1, NOTAR.vote), accuse(3, FINAL.vote, voter=1)]
)
def test_who_stood_on_what_it_committed_to_is_innocent(accusation: Accusation) -> None:
    with pytest.raises(NotInConflict):
        check_accusation(accusation, TERM.electorate, GENESIS_HASH)


def test_an_accusation_names_the_instance_it_is_about() -> None:
    for wrong in (accuse(3, FINAL.vote, term=2), accuse(3, replace(FINAL.vote, instance_id=SEEN))):
        with pytest.raises((WrongTerm, NotInConflict)):
            check_accusation(wrong, TERM.electorate, GENESIS_HASH)


# --- records --------------------------------------------------------------------------------------

RECORDS: list[LaneRecord] = [
    CheckpointHard(TERM.id, 2**40),
    TermClosed(TERM.id, 0, 1, 2, BLOCKS[2].id),
    CheckpointSeen(TERM.id, END),
    CertificateSeen(NOTAR),
    VoteCast(NOTAR.vote, 0),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back(record: LaneRecord) -> None:
    raw = encode_lane_record(record)
    assert decode_lane_record(raw) == record
    assert lane_record_instance(record) == TERM.id
    for wrong in (raw[:-1], raw + b"\x00", b"", b"\x90", encode([9, *([b""] * 5)])):
        with pytest.raises(InvalidData):
            decode_lane_record(wrong)
