"""Messages to bytes and back: a version byte, a kind byte, then one canonical array.

Each kind names the most bytes, elements and depth it may have, before anything is decoded.
Every refusal is `InvalidData`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.lanes.messages import CheckpointMessage, TermProposal
from consensus.proposals import ProposalMessage, decode_proposal
from consensus.votes import VOTE_SIGNATURE_BYTES, SignedVote, decode_vote, encode_vote
from genesis.limits import (
    ADDRESS_MAX_BYTES,
    ANNOUNCED_TRANSACTIONS_MAX,
    BODY_TRANSACTIONS_MAX,
    CERTIFICATE_VIEWS_PER_ANSWER,
    CERTIFIED_PATH_MAX,
    EXCHANGED_ADDRESSES_MAX,
    GOSSIP_MAX_BYTES,
    HELLO_MAX_BYTES,
    PUSHED_MAX_BYTES,
    RANGE_BLOCKS_MAX,
    REQUEST_MAX_BYTES,
    REQUESTED_BLOCKS_MAX,
    REQUESTED_TRANSACTIONS_MAX,
    RESPONSE_MAX_BYTES,
)
from native.codec import array, decode, encode
from native.errors import DecodeError
from p2p.wire.fields import (
    nothing,
    read_blocks,
    read_certificates,
    read_final,
    read_get_certificates,
    read_get_range,
    read_hello,
    read_ids,
    read_peers,
    read_pruned,
    read_range,
    read_status,
    read_transactions,
    write_blocks,
    write_hello,
    write_ids,
    write_range,
    write_status,
)
from p2p.wire.forms import CERTIFICATE_ITEMS, Form, by_kind
from p2p.wire.handshake import HelloFault, HelloRefused
from p2p.wire.lane_forms import (
    LANE_CONSENSUS,
    LANE_GOSSIP,
    LANE_REQUESTS,
    LANE_RESPONSES,
)
from p2p.wire.messages import (
    AnyRequest,
    BlockRange,
    Blocks,
    Certificates,
    Checkpoints,
    Decisions,
    FinalAnnounced,
    GetBlocks,
    GetCertificates,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    GetPeers,
    GetRange,
    GetTransactions,
    Gossiped,
    Hello,
    LaneCertificate,
    LaneVote,
    Peers,
    Pruned,
    Reach,
    Received,
    Request,
    Response,
    Status,
    Subscribe,
    Transactions,
    TransactionsAnnounced,
)
from p2p.wire.snapshots import SNAPSHOT_ANSWERS, SNAPSHOT_REQUESTS, SNAPSHOT_RESPONSES

WIRE_VERSION: Final = 3
"""Raised with every change to what a message is or means; `p2p/README.md` says when."""
_HEAD_BYTES: Final = 2

Message: TypeAlias = (
    Hello
    | SignedVote
    | ProposalMessage
    | QuorumCertificate
    | TransactionsAnnounced
    | Status
    | LaneVote
    | LaneCertificate
    | TermProposal
    | CheckpointMessage
    | Gossiped
    | AnyRequest
    | Response
)
"""All that this module can encode."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer of a peer that will not or cannot answer."""


def encode_message(message: Message | Refused) -> bytes:
    """The only encoding of a message. TypeError for anything that is none: our mistake."""
    form = _FORM_OF_TYPE.get(type(message))
    if form is None:
        raise TypeError(f"{type(message).__name__} is not a message")
    return bytes((WIRE_VERSION, form.kind)) + encode(form.write(message))


def decode_hello(payload: bytes) -> Hello:
    """The first message of a connection; of another wire version no more than that is read."""
    if payload and payload[0] != WIRE_VERSION:
        ours, its = str(WIRE_VERSION), str(payload[0])
        raise HelloRefused(HelloFault.WRONG_VERSION, ours, its)
    hello: Hello = _decode(payload, _HELLOS)
    return hello


def decode_consensus(payload: bytes) -> Received:
    """A vote, proposal, checkpoint, certificate or CLOSE, from the first stream."""
    message: Received = _decode(payload, _CONSENSUS)
    return message


def decode_announcement(payload: bytes) -> Received:
    """Transaction ids or a status, from the second stream."""
    message: Received = _decode(payload, _ANNOUNCEMENTS)
    return message


def decode_gossip(payload: bytes) -> Gossiped:
    """What the gossip topic carries."""
    message: Gossiped = _decode(payload, _GOSSIP)
    return message


def decode_request(payload: bytes) -> AnyRequest:
    """A question on a request stream."""
    request: AnyRequest = _decode(payload, _REQUESTS)
    return request


def decode_response(request: Request[R], payload: bytes) -> R | Refused | Pruned:
    """The answer to `request`; another kind of answer, or one longer than asked, is refused."""
    response: R | Refused | Pruned = _decode(payload, _RESPONSES)
    if isinstance(response, Refused | Pruned):
        return response
    require_answer(request, response)
    return response


def require_answer(request: Request[R], response: object) -> None:
    """An answer of the right kind, not longer than what was asked for; DecodeError otherwise."""
    if type(response) is not _ANSWERS[type(request)]:
        raise DecodeError("an answer to another question")
    if _answer_length(response) > _asked_length(request):
        raise DecodeError("more than was asked for")


def _asked_length(request: Request[R]) -> int:
    match request:
        case GetTransactions() | GetBlocks():
            return len(request.ids)
        case GetRange():
            return request.count
        case GetCertificates() | GetLaneCertificates():
            # a view has at most a NOTAR, a FINAL and a NULL
            return 3 * (request.high_view - request.low_view + 1)
        case GetDecisions():
            return request.count
        case GetCheckpoint():
            return 1
        case _:
            return EXCHANGED_ADDRESSES_MAX


def _answer_length(response: object) -> int:
    match response:
        case Transactions():
            return len(response.raws)
        case Blocks() | BlockRange():
            return len(response.blocks)
        case Certificates():
            return len(response.certificates)
        case Peers():
            return len(response.addresses)
        case Decisions():
            return len(response.decisions)
        case Checkpoints():
            return len(response.checkpoints)
        case _:
            return 1  # one thing was asked for, and its form bounds it


def _decode(payload: bytes, forms: Mapping[int, Form]) -> Any:  # noqa: ANN401 - callers narrow it
    if len(payload) < _HEAD_BYTES or payload[0] != WIRE_VERSION:
        raise DecodeError("not a message of this wire version")
    form = forms.get(payload[1])
    if form is None:
        raise DecodeError(f"kind {payload[1]} does not belong on this stream")
    limits = {"max_items": form.max_items, "max_depth": form.max_depth}
    return form.read(decode(payload[_HEAD_BYTES:], max_bytes=form.max_bytes, **limits))


_CERTIFICATE_FIELDS: Final = 16
_SIGNATURES_MAX: Final = RESPONSE_MAX_BYTES // VOTE_SIGNATURE_BYTES
"""In one answer: a hundred thousand empty ones took 100 ms to decode."""
_RANGE_ITEMS: Final = 3 * RANGE_BLOCKS_MAX + CERTIFIED_PATH_MAX + CERTIFICATE_ITEMS


_HELLOS: Final = by_kind(Form(1, Hello, write_hello, read_hello, HELLO_MAX_BYTES, 16))
_CONSENSUS: Final = by_kind(
    Form(2, SignedVote, encode_vote, decode_vote, VOTE_SIGNATURE_BYTES + 256, 16),
    Form(
        3,
        ProposalMessage,
        lambda message: message.encode(),
        decode_proposal,
        PUSHED_MAX_BYTES,
        BODY_TRANSACTIONS_MAX + 16,
    ),
    Form(
        4,
        QuorumCertificate,
        lambda certificate: certificate.encode(),
        decode_certificate,
        PUSHED_MAX_BYTES,
        CERTIFICATE_ITEMS,
    ),
    *LANE_CONSENSUS,
)
_ANNOUNCEMENTS: Final = by_kind(
    Form(
        5,
        TransactionsAnnounced,
        write_ids,
        lambda fields: TransactionsAnnounced(read_ids(fields, ANNOUNCED_TRANSACTIONS_MAX)),
        REQUEST_MAX_BYTES,
        ANNOUNCED_TRANSACTIONS_MAX + 1,
    ),
    Form(6, Status, write_status, read_status, 128, 5),
)
_GOSSIP: Final = by_kind(
    Form(
        7,
        FinalAnnounced,
        lambda final: [final.header_raw, final.certificate.encode()],
        read_final,
        GOSSIP_MAX_BYTES,
        CERTIFICATE_ITEMS,
        max_depth=3,
    ),
    *LANE_GOSSIP,
)
_REQUESTS: Final = by_kind(
    Form(
        16,
        GetTransactions,
        write_ids,
        lambda fields: GetTransactions(read_ids(fields, REQUESTED_TRANSACTIONS_MAX)),
        REQUEST_MAX_BYTES,
        REQUESTED_TRANSACTIONS_MAX + 1,
    ),
    Form(
        17,
        GetBlocks,
        write_ids,
        lambda fields: GetBlocks(read_ids(fields, REQUESTED_BLOCKS_MAX)),
        REQUEST_MAX_BYTES,
        REQUESTED_BLOCKS_MAX + 1,
    ),
    Form(18, GetRange, lambda ask: [ask.from_height, ask.count], read_get_range, 64, 2),
    Form(
        19,
        GetCertificates,
        lambda ask: [ask.epoch, ask.low_view, ask.high_view],
        read_get_certificates,
        64,
        3,
    ),
    Form(20, GetPeers, lambda ask: [], lambda fields: nothing(fields, GetPeers()), 8, 0),
    *LANE_REQUESTS,
    *SNAPSHOT_REQUESTS,
)
_RESPONSES: Final = by_kind(
    Form(
        32,
        Transactions,
        lambda answer: [list(answer.raws)],
        read_transactions,
        RESPONSE_MAX_BYTES,
        REQUESTED_TRANSACTIONS_MAX + 1,
    ),
    Form(
        33,
        Blocks,
        lambda answer: [write_blocks(answer.blocks)],
        lambda fields: Blocks(read_blocks(array(fields, 1)[0], REQUESTED_BLOCKS_MAX)),
        RESPONSE_MAX_BYTES,
        3 * REQUESTED_BLOCKS_MAX + 1,
        max_depth=3,
    ),
    Form(34, BlockRange, write_range, read_range, RESPONSE_MAX_BYTES, _RANGE_ITEMS, 3),
    Form(
        35,
        Certificates,
        lambda answer: [[certificate.encode() for certificate in answer.certificates]],
        read_certificates,
        RESPONSE_MAX_BYTES,
        3 * CERTIFICATE_VIEWS_PER_ANSWER * _CERTIFICATE_FIELDS + _SIGNATURES_MAX,
        max_depth=4,
    ),
    Form(
        36,
        Peers,
        lambda answer: [[address.encode() for address in answer.addresses]],
        read_peers,
        (ADDRESS_MAX_BYTES + 3) * EXCHANGED_ADDRESSES_MAX + 16,
        EXCHANGED_ADDRESSES_MAX + 1,
    ),
    *LANE_RESPONSES,
    *SNAPSHOT_RESPONSES,
    Form(62, Pruned, lambda answer: [answer.first_height], read_pruned, 16, 1),
    Form(63, Refused, lambda answer: [], lambda fields: nothing(fields, Refused()), 8, 0),
)
_ANSWERS: Final[dict[type, type]] = {
    GetTransactions: Transactions,
    GetBlocks: Blocks,
    GetRange: BlockRange,
    GetCertificates: Certificates,
    GetPeers: Peers,
    GetLaneCertificates: Certificates,
    GetDecisions: Decisions,
    GetCheckpoint: Checkpoints,
    Subscribe: Reach,
    **SNAPSHOT_ANSWERS,
}
_FORM_OF_TYPE: Final[dict[type, Form]] = {
    form.message: form
    for forms in (_HELLOS, _CONSENSUS, _ANNOUNCEMENTS, _GOSSIP, _REQUESTS, _RESPONSES)
    for form in forms.values()
}
