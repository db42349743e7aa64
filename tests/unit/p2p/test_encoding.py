"""Every message survives its bytes, and nothing survives that belongs elsewhere or is too much."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consensus.certificates import QuorumCertificate
from consensus.light import Finality, genesis_trust
from consensus.proposals import ProposalMessage
from consensus.votes import ReceivedVote, SignedVote, Vote, VotePhase, cancel_vote
from genesis.limits import (
    ANNOUNCED_TRANSACTIONS_MAX,
    CERTIFICATE_VIEWS_PER_ANSWER,
    EPOCH_BLOCKS_MAX,
    LANE_MEMBERS_MAX,
    RANGE_BLOCKS_MAX,
    REQUESTED_BLOCKS_MAX,
    SNAPSHOT_PART_BYTES,
    SNAPSHOTS_KEPT,
)
from genesis.networks import packaged_document
from native.codec import encode
from native.errors import DecodeError, InvalidData
from native.hashing import ZERO_HASH, Hash32
from p2p.wire.encoding import (
    WIRE_VERSION,
    Refused,
    decode_announcement,
    decode_consensus,
    decode_gossip,
    decode_hello,
    decode_request,
    decode_response,
    encode_message,
)
from p2p.wire.handshake import HelloFault, HelloRefused
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    BlockRange,
    Blocks,
    Certificates,
    FinalAnnounced,
    FinalityClaim,
    GetBlocks,
    GetCertificates,
    GetFinality,
    GetManifest,
    GetPart,
    GetPeers,
    GetRange,
    GetSnapshots,
    GetTransactions,
    Hello,
    Peers,
    Pruned,
    Response,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
    Status,
    Transactions,
    TransactionsAnnounced,
)

ID = Hash32(b"I" * 32)
BLOCK = Hash32(b"B" * 32)
SIGNATURE = b"s" * 3309
STATUS = Status(7, BLOCK, 0, 9)
CERTIFICATE = QuorumCertificate(ID, 3, VotePhase.COMMIT, 9, 8, BLOCK, b"\x07", (SIGNATURE,) * 3)
HELLO = Hello(36_999, ID, "aichain/0.1.0", b"k" * 1952, SIGNATURE, STATUS, "/ip4/0.0.0.0/tcp/1")
VOTE = SignedVote(Vote(ID, VotePhase.PREFER, 9, 8, BLOCK), 3, 2, SIGNATURE)
PROPOSAL = ProposalMessage(3, 9, 8, 2, b"header", (ID, BLOCK), SIGNATURE)
FINAL = FinalAnnounced(b"header", CERTIFICATE)
DATA = BlockData(b"header", b"body")
REQUESTS: list[AnyRequest] = [
    GetTransactions((ID, BLOCK)),
    GetBlocks((ID,)),
    GetRange(5, 10),
    GetCertificates(3, 5, 5 + CERTIFICATE_VIEWS_PER_ANSWER - 1),
    GetPeers(),
    GetFinality(8),
    GetSnapshots(),
    GetManifest(ID),
    GetPart(ID, 7),
]
DOCUMENT = packaged_document("testnet")
FINALITY = Finality(CERTIFICATE, ID, (genesis_trust(DOCUMENT).header,) * 2, DOCUMENT.validator_set)
ANSWERS: list[tuple[AnyRequest, Response]] = [
    (REQUESTS[0], Transactions((b"", b"raw"))),
    (REQUESTS[0], Transactions(())),
    (REQUESTS[1], Blocks((DATA,))),
    (REQUESTS[2], BlockRange((DATA, DATA), (b"header",), CERTIFICATE)),
    (REQUESTS[2], BlockRange((), (), None)),
    (REQUESTS[2], Pruned(2**63)),
    (REQUESTS[3], Certificates((CERTIFICATE, CERTIFICATE))),
    (REQUESTS[4], Peers(("/ip4/127.0.0.1/tcp/3691",))),
    (REQUESTS[5], FinalityClaim(FINALITY)),
    (REQUESTS[5], FinalityClaim(None)),
    (REQUESTS[6], SnapshotOffers(((256, ID), (512, BLOCK)))),
    (REQUESTS[6], SnapshotOffers(())),
    (REQUESTS[7], SnapshotManifest(b"manifest")),
    (REQUESTS[8], SnapshotPart(b"p" * SNAPSHOT_PART_BYTES)),
    (REQUESTS[8], SnapshotPart(b"")),
]
DECODERS: tuple[Callable[[bytes], Any], ...] = (
    decode_hello,
    decode_consensus,
    decode_announcement,
    decode_gossip,
    decode_request,
    lambda payload: decode_response(GetPeers(), payload),
)


def raw(kind: int, *fields: object) -> bytes:
    """A message as its bytes, whatever it says."""
    return bytes((WIRE_VERSION, kind)) + encode(list(fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [0, WIRE_VERSION - 1, WIRE_VERSION + 1, 255])
def test_a_hello_of_another_version_is_refused_by_name_whatever_it_says(version: int) -> None:
    for rest in (encode_message(HELLO)[1:], b"\x01\xff", b""):
        with pytest.raises(HelloRefused) as refused:
            decode_hello(bytes((version,)) + rest)
        assert refused.value.fault is HelloFault.WRONG_VERSION
        assert (refused.value.ours, refused.value.its) == (str(WIRE_VERSION), str(version))
    with pytest.raises(DecodeError):
        decode_hello(b"")


def test_messages_survive_their_bytes() -> None:
    assert decode_hello(encode_message(HELLO)) == HELLO
    assert decode_consensus(encode_message(PROPOSAL)) == PROPOSAL
    assert decode_consensus(encode_message(CERTIFICATE)) == CERTIFICATE
    assert decode_announcement(encode_message(STATUS)) == STATUS
    announced = TransactionsAnnounced((ID,))
    assert decode_announcement(encode_message(announced)) == announced
    assert decode_gossip(encode_message(FINAL)) == FINAL


@pytest.mark.parametrize("vote", [VOTE.vote, cancel_vote(ID, 9)])
def test_a_vote_comes_back_once_it_is_bound_to_its_instance(vote: Vote) -> None:
    signed = SignedVote(vote, 3, 2, SIGNATURE)
    received = decode_consensus(encode_message(signed))
    assert isinstance(received, ReceivedVote)
    assert received.bind(ID) == signed
    assert received.bind(ZERO_HASH) != signed


@pytest.mark.parametrize("request_", REQUESTS)
def test_requests_survive_their_bytes(request_: AnyRequest) -> None:
    assert decode_request(encode_message(request_)) == request_


@pytest.mark.parametrize(("request_", "answer"), ANSWERS)
def test_answers_survive_their_bytes(request_: AnyRequest, answer: Response) -> None:
    assert decode_response(request_, encode_message(answer)) == answer


def test_a_refusal_is_an_answer_to_everything() -> None:
    for request in REQUESTS:
        assert decode_response(request, encode_message(Refused())) == Refused()


def test_a_message_belongs_on_its_own_stream_only() -> None:
    payloads: list[Any] = [HELLO, VOTE, STATUS, FINAL, GetPeers(), Peers(())]
    for number, decode in enumerate(DECODERS):
        for other, message in enumerate(payloads):
            if other != number:
                with pytest.raises(DecodeError):
                    decode(encode_message(message))


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x02\x06\x90", b"\x01\xff\x90", b"\x01\x06\xc1"]
)
def test_no_head_and_no_array_are_refused(payload: bytes) -> None:
    for decode in DECODERS:
        with pytest.raises(InvalidData):
            decode(payload)


def test_only_the_exact_bytes_decode() -> None:
    payload = encode_message(STATUS)
    for spoiled in (payload[:-1], payload + b"\0", payload[:2] + b"\xdc\x00\x04" + payload[3:]):
        with pytest.raises(DecodeError):
            decode_announcement(spoiled)


def test_an_answer_of_another_kind_or_longer_than_asked_is_refused() -> None:
    with pytest.raises(DecodeError, match="another question"):
        decode_response(GetPeers(), encode_message(Transactions(())))
    with pytest.raises(DecodeError, match="more than was asked"):
        decode_response(GetRange(1, 1), encode_message(BlockRange((DATA, DATA), (), CERTIFICATE)))
    with pytest.raises(DecodeError, match="more than was asked"):
        decode_response(GetTransactions((ID,)), encode_message(Transactions((b"a", b"b"))))


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (GetFinality(8), raw(39, CERTIFICATE.encode(), ID, [], [])),
        (GetFinality(8), raw(39, CERTIFICATE.encode(), ID, [b"no header"], [])),
        (GetFinality(8), raw(39, CERTIFICATE.encode(), ID)),
        (GetSnapshots(), raw(40, *[[1, ID]] * (SNAPSHOTS_KEPT + 1))),
        (GetSnapshots(), raw(40, [1, b"short"])),
        (GetManifest(ID), raw(41)),
        (GetManifest(ID), raw(42, b"a part")),
        (GetPart(ID, 0), raw(42, b"p" * (SNAPSHOT_PART_BYTES + 1))),
        (GetPart(ID, 0), raw(42, [])),
    ],
)
def test_what_a_joiner_does_not_expect_is_refused(request_: AnyRequest, payload: bytes) -> None:
    with pytest.raises(InvalidData):
        decode_response(request_, payload)


@pytest.mark.parametrize(
    "payload",
    [
        raw(5, []),
        raw(5, [ID] * (ANNOUNCED_TRANSACTIONS_MAX + 1)),
        raw(5, [b"short"]),
        raw(6, 1, ID, 0),
        raw(6, 2**64 - 1, b"", 0, 0),
    ],
)
def test_announcements_out_of_range_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_announcement(payload)


@pytest.mark.parametrize(
    "payload",
    [
        raw(16, []),
        raw(17, [ID] * (REQUESTED_BLOCKS_MAX + 1)),
        raw(18, 1, 0),
        raw(18, 1, RANGE_BLOCKS_MAX + 1),
        raw(19, 0, 5, 4),
        raw(19, 0, 1, CERTIFICATE_VIEWS_PER_ANSWER + 1),
        raw(20, 1),
        raw(24),
        raw(25, 1),
        raw(26, b"short"),
        raw(27, ID),
        raw(27, ID, 2**32),
    ],
)
def test_requests_out_of_range_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_request(payload)


@pytest.mark.parametrize("agent", [b"\x1b[31m", "ü".encode(), b"a" * 65])
def test_a_hello_says_who_it_is_in_plain_short_text(agent: bytes) -> None:
    status = [7, BLOCK, 0, 9]
    with pytest.raises(DecodeError):
        decode_hello(raw(1, 1, 36_999, ID, agent, b"", b"", status, b""))


def test_answers_that_take_long_to_decode_are_refused() -> None:
    """A stranger that named another chain was asked for it, and held the node up for 100 ms and
    more with each of its answers."""
    empty = replace(CERTIFICATE, voters=b"\xff" * 125, signatures=(b"",) * LANE_MEMBERS_MAX)
    most = 3 * CERTIFICATE_VIEWS_PER_ANSWER
    views = GetCertificates(0, 1, CERTIFICATE_VIEWS_PER_ANSWER)
    headers = FINALITY.headers[:1] * (EPOCH_BLOCKS_MAX + 1)
    for request, answer in (
        (views, Certificates((empty,) * most)),
        (
            GetFinality(1),
            FinalityClaim(replace(FINALITY, headers=headers)),
        ),
    ):
        with pytest.raises(DecodeError):
            decode_response(request, encode_message(answer))


def test_the_longest_true_answers_are_taken() -> None:
    large = replace(CERTIFICATE, voters=b"\xff" * 125, signatures=(bytes(3_309),) * 1_000)
    small = replace(CERTIFICATE, voters=b"\x07", signatures=(bytes(3_309),) * 14)
    for some in ((large,) * 2, (small,) * 3 * CERTIFICATE_VIEWS_PER_ANSWER):
        answer = Certificates(some)
        request = GetCertificates(0, 1, CERTIFICATE_VIEWS_PER_ANSWER)
        assert decode_response(request, encode_message(answer)) == answer
    headers = FINALITY.headers[:1] * EPOCH_BLOCKS_MAX
    claim = FinalityClaim(replace(FINALITY, headers=headers))
    assert decode_response(GetFinality(1), encode_message(claim)) == claim


def test_what_is_no_message_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="is not a message"):
        encode_message("vote")  # type: ignore[arg-type]
