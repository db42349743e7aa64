"""How the messages of the two lanes are written and read."""

from typing import Final

from consensus.certificates import decode_certificate
from consensus.committee import COMMITTEE_SEATS
from consensus.lanes.checkpoints import CHECKPOINT_FIELDS, decode_checkpoint
from consensus.lanes.closes import CLOSE_FIELDS, CloseMessage, decode_close_message
from consensus.lanes.messages import (
    CheckpointMessage,
    Decision,
    TermProposal,
    decode_checkpoint_message,
    decode_decision,
    decode_term_proposal,
)
from consensus.votes import VOTE_FIELDS, VOTE_SIGNATURE_BYTES, decode_lane_vote, encode_vote
from genesis.limits import (
    BODY_TRANSACTIONS_MAX,
    CERTIFICATE_VIEWS_PER_ANSWER,
    DECISIONS_PER_ANSWER,
    GOSSIP_MAX_BYTES,
    LANE_MEMBERS_MAX,
    PUSHED_MAX_BYTES,
    RESPONSE_MAX_BYTES,
)
from native.codec import Encodable, Value, array, bounded, sequence, uint
from native.errors import DecodeError
from native.hashing import hash32
from p2p.wire.forms import Form
from p2p.wire.messages import (
    CertificateForwarded,
    Checkpoints,
    Decisions,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    LaneCertificate,
    LaneVote,
    Reach,
    ReceivedLaneVote,
    Subscribe,
)

_BITS_BYTES: Final = (LANE_MEMBERS_MAX + 7) // 8
_CLOSE_ITEMS: Final = CLOSE_FIELDS + COMMITTEE_SEATS + 32
_CHECKPOINT_ITEMS: Final = CHECKPOINT_FIELDS + 1
_PROOF_ITEMS: Final = COMMITTEE_SEATS * (CLOSE_FIELDS + 2) + 32
_DECISION_ITEMS: Final = _CHECKPOINT_ITEMS + LANE_MEMBERS_MAX + 16


def _write_vote(message: LaneVote) -> Encodable:
    signed = message.signed
    return [*encode_vote(signed, message.lane, message.term), signed.vote.instance_id]


def _read_vote(fields: list[Value]) -> ReceivedLaneVote:
    *voted, instance_id = array(fields, VOTE_FIELDS + 1)
    lane, term, vote = decode_lane_vote(voted)
    if term == 0:
        raise DecodeError("terms and checkpoints are numbered from 1")
    return ReceivedLaneVote(lane, term, vote, hash32(instance_id))


def _read_get_certificates(fields: list[Value]) -> GetLaneCertificates:
    name, low, high = array(fields, 3)
    request = GetLaneCertificates(hash32(name), uint(low), uint(high))
    if not 0 <= request.high_view - request.low_view < CERTIFICATE_VIEWS_PER_ANSWER:
        raise DecodeError(f"views {request.low_view} to {request.high_view}")
    return request


def _read_get_decisions(fields: list[Value]) -> GetDecisions:
    from_number, count = array(fields, 2)
    request = GetDecisions(uint(from_number), uint(count, bits=32))
    if not 0 < request.count <= DECISIONS_PER_ANSWER:
        raise DecodeError(f"{request.count} decisions")
    return request


def _read_decisions(fields: list[Value]) -> Decisions:
    values = sequence(array(fields, 1)[0], DECISIONS_PER_ANSWER)
    return Decisions(tuple(decode_decision(value) for value in values))


def _write_checkpoints(answer: Checkpoints) -> Encodable:
    return [[checkpoint.encode() for checkpoint in answer.checkpoints]]


def _read_checkpoints(fields: list[Value]) -> Checkpoints:
    return Checkpoints(tuple(decode_checkpoint(each) for each in sequence(array(fields, 1)[0], 1)))


def _read_subscribe(fields: list[Value]) -> Subscribe:
    epoch, ballots, terms = array(fields, 3)
    return Subscribe(uint(epoch), bounded(ballots, _BITS_BYTES), bounded(terms, _BITS_BYTES))


def _read_reach(fields: list[Value]) -> Reach:
    epoch, hops = array(fields, 2)
    return Reach(uint(epoch), bounded(hops, LANE_MEMBERS_MAX))


_CLOSE: Final = Form(
    11,
    CloseMessage,
    lambda message: message.encode(),
    decode_close_message,
    GOSSIP_MAX_BYTES,
    _CLOSE_ITEMS,
    max_depth=3,
)
LANE_CONSENSUS: Final = (
    _CLOSE,
    Form(8, LaneVote, _write_vote, _read_vote, VOTE_SIGNATURE_BYTES + 256, 16),
    Form(
        9,
        TermProposal,
        lambda message: message.encode(),
        decode_term_proposal,
        PUSHED_MAX_BYTES,
        BODY_TRANSACTIONS_MAX + 32,
        max_depth=3,
    ),
    Form(
        10,
        CheckpointMessage,
        lambda message: message.encode(),
        decode_checkpoint_message,
        PUSHED_MAX_BYTES,
        _CHECKPOINT_ITEMS + _PROOF_ITEMS + 16,
        max_depth=4,
    ),
    Form(
        14,
        LaneCertificate,
        lambda message: message.certificate.encode(),
        lambda fields: LaneCertificate(decode_certificate(fields, members_max=LANE_MEMBERS_MAX)),
        PUSHED_MAX_BYTES,
        LANE_MEMBERS_MAX + 16,
    ),
)
LANE_GOSSIP: Final = (
    _CLOSE,
    Form(
        12,
        Decision,
        lambda message: message.encode(),
        decode_decision,
        GOSSIP_MAX_BYTES,
        _DECISION_ITEMS,
        max_depth=3,
    ),
    Form(
        13,
        CertificateForwarded,
        lambda message: message.certificate.encode(),
        lambda fields: CertificateForwarded(
            decode_certificate(fields, members_max=COMMITTEE_SEATS)
        ),
        GOSSIP_MAX_BYTES,
        COMMITTEE_SEATS + 16,
    ),
)
LANE_REQUESTS: Final = (
    Form(
        21,
        GetLaneCertificates,
        lambda ask: [ask.instance_id, ask.low_view, ask.high_view],
        _read_get_certificates,
        64,
        3,
    ),
    Form(22, GetDecisions, lambda ask: [ask.from_number, ask.count], _read_get_decisions, 64, 2),
    Form(
        23,
        GetCheckpoint,
        lambda ask: [ask.id],
        lambda fields: GetCheckpoint(hash32(array(fields, 1)[0])),
        64,
        1,
    ),
    Form(
        29,
        Subscribe,
        lambda ask: [ask.epoch, ask.ballots, ask.terms],
        _read_subscribe,
        2 * _BITS_BYTES + 32,
        3,
    ),
)
LANE_RESPONSES: Final = (
    Form(
        37,
        Decisions,
        lambda answer: [[decision.encode() for decision in answer.decisions]],
        _read_decisions,
        RESPONSE_MAX_BYTES,
        DECISIONS_PER_ANSWER * (_DECISION_ITEMS + 1) + 1,
        max_depth=5,
    ),
    Form(38, Checkpoints, _write_checkpoints, _read_checkpoints, 512, 16, max_depth=3),
    Form(
        44,
        Reach,
        lambda answer: [answer.epoch, answer.hops],
        _read_reach,
        LANE_MEMBERS_MAX + 32,
        2,
    ),
)
