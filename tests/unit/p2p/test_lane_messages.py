"""The messages of two lanes survive their bytes, each on its own stream, each within its bounds."""

from dataclasses import replace
from typing import Any

import pytest

from consensus.certificates import QuorumCertificate
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import Close, CloseMessage, SignedClose
from consensus.lanes.messages import CheckpointMessage, Decision, TermProposal
from consensus.lanes.proofs import BoundaryFinal, CheckpointProof, CommitteeClosed, WaitedOut
from consensus.votes import Lane, SignedVote, Vote, VotePhase
from genesis.limits import CERTIFICATE_VIEWS_PER_ANSWER, DECISIONS_PER_ANSWER, LANE_MEMBERS_MAX
from native.errors import DecodeError, InvalidData
from p2p.wire.encoding import (
    decode_announcement,
    decode_consensus,
    decode_gossip,
    decode_request,
    decode_response,
    encode_message,
)
from p2p.wire.messages import (
    AnyRequest,
    CertificateForwarded,
    Certificates,
    Checkpoints,
    Decisions,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    LaneCertificate,
    LaneVote,
    Reach,
    ReceivedLaneVote,
    Response,
    Subscribe,
)
from tests.unit.p2p.test_encoding import BLOCK, CERTIFICATE, ID, PROPOSAL, SIGNATURE

CHECKPOINT = Checkpoint(3, ID, BLOCK, 24, True, ID, 0, 2, 5, 1_000)
FINAL = replace(CERTIFICATE, height=3, block_id=CHECKPOINT.id)
CLOSE = SignedClose(Close(ID, 9, BLOCK), 3, 4, 1, SIGNATURE)
NOTAR = replace(CERTIFICATE, phase=VotePhase.PREFER)
PROOFS: list[CheckpointProof | None] = [
    None,
    BoundaryFinal(CERTIFICATE),
    CommitteeClosed(NOTAR, (CLOSE,) * 14),
    CommitteeClosed(None, (CLOSE,) * 20),
    WaitedOut(None),
]
GOSSIP: list[Any] = [
    CertificateForwarded(CERTIFICATE),
    CloseMessage(CLOSE, NOTAR),
    CloseMessage(replace(CLOSE, close=Close(ID, 0, BLOCK)), None),
    Decision(CHECKPOINT, FINAL),
]
ANSWERS: list[tuple[AnyRequest, Response]] = [
    (GetLaneCertificates(ID, 5, 5), Certificates((CERTIFICATE, NOTAR))),
    (GetDecisions(3, DECISIONS_PER_ANSWER), Decisions((Decision(CHECKPOINT, FINAL),) * 8)),
    (GetDecisions(9, 1), Decisions(())),
    (GetCheckpoint(ID), Checkpoints((CHECKPOINT,))),
    (GetCheckpoint(ID), Checkpoints(())),
    (Subscribe(3, b"\x05", b""), Reach(3, bytes((1, 0, 2)))),
    (Subscribe(3, bytes(125), bytes(125)), Reach(4, b"")),
]


@pytest.mark.parametrize(("lane", "term"), [(Lane.FAST, 7), (Lane.HARD, 1)])
def test_a_vote_of_a_lane_comes_back_with_its_term(lane: Lane, term: int) -> None:
    signed = SignedVote(Vote(ID, VotePhase.COMMIT, 9, 8, BLOCK), 3, 2, SIGNATURE)
    received = decode_consensus(encode_message(LaneVote(lane, term, signed)))
    assert isinstance(received, ReceivedLaneVote)
    assert (received.lane, received.term, received.instance_id) == (lane, term, ID)
    assert received.vote.bind(ID) == signed


def test_there_is_no_term_0() -> None:
    signed = SignedVote(Vote(ID, VotePhase.COMMIT, 9, 8, BLOCK), 3, 2, SIGNATURE)
    with pytest.raises(DecodeError):
        decode_consensus(encode_message(LaneVote(Lane.FAST, 0, signed)))


@pytest.mark.parametrize("proof", PROOFS)
def test_proposals_of_both_lanes_survive_their_bytes(proof: CheckpointProof | None) -> None:
    proposed = CheckpointMessage(2, 0, 5, CHECKPOINT, proof, SIGNATURE)
    for message in (proposed, TermProposal(4, ID, PROPOSAL), LaneCertificate(CERTIFICATE)):
        assert decode_consensus(encode_message(message)) == message


@pytest.mark.parametrize("message", GOSSIP)
def test_gossip_survives_its_bytes(message: Any) -> None:
    payload = encode_message(message)
    assert decode_gossip(payload) == message
    for decode in (decode_consensus, decode_announcement, decode_request):
        if decode is decode_consensus and isinstance(message, CloseMessage):
            continue  # said again, it travels there
        with pytest.raises(DecodeError):
            decode(payload)


def test_a_close_said_again_goes_to_peers_directly() -> None:
    for message in GOSSIP:
        if isinstance(message, CloseMessage):
            assert decode_consensus(encode_message(message)) == message


@pytest.mark.parametrize(("request_", "answer"), ANSWERS)
def test_questions_and_answers_survive_their_bytes(request_: AnyRequest, answer: Response) -> None:
    assert decode_request(encode_message(request_)) == request_
    assert decode_response(request_, encode_message(answer)) == answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (GetDecisions(3, 1), Decisions((Decision(CHECKPOINT, FINAL),) * 2)),
        (GetCheckpoint(ID), Decisions(())),
        (GetLaneCertificates(ID, 5, 5), Certificates((CERTIFICATE,) * 4)),
        (Subscribe(0, b"", b""), Reach(0, bytes(LANE_MEMBERS_MAX + 1))),
    ],
)
def test_an_answer_longer_than_asked_or_of_another_kind_is_refused(
    request_: AnyRequest, answer: Response
) -> None:
    with pytest.raises(DecodeError):
        decode_response(request_, encode_message(answer))


@pytest.mark.parametrize(
    "request_",
    [
        GetDecisions(3, 0),
        GetDecisions(3, DECISIONS_PER_ANSWER + 1),
        GetLaneCertificates(ID, 6, 5),
        GetLaneCertificates(ID, 1, 1 + CERTIFICATE_VIEWS_PER_ANSWER),
        Subscribe(0, bytes(126), b""),
        Subscribe(0, b"", bytes(126)),
    ],
)
def test_questions_out_of_bounds_are_refused(request_: AnyRequest) -> None:
    with pytest.raises(DecodeError):
        decode_request(encode_message(request_))


def test_a_committee_has_twenty_signatures_at_most() -> None:
    many = QuorumCertificate(ID, 3, VotePhase.COMMIT, 9, 8, BLOCK, b"\xff" * 3, (SIGNATURE,) * 21)
    with pytest.raises(InvalidData):
        decode_gossip(encode_message(CertificateForwarded(many)))
