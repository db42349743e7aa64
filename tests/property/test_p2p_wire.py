"""Whatever bytes come, in whatever pieces: decoders answer with a message or InvalidData."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificates import QuorumCertificate
from consensus.light import Finality, genesis_trust
from consensus.proposals import ProposalMessage
from consensus.votes import VOTE_SIGNATURE_BYTES, SignedVote, Vote, VotePhase
from genesis.checkpoints import Checkpoint
from genesis.limits import (
    CERTIFICATE_VIEWS_PER_ANSWER,
    RANGE_BLOCKS_MAX,
    REQUESTED_BLOCKS_MAX,
    REQUESTED_TRANSACTIONS_MAX,
    SNAPSHOTS_KEPT,
)
from genesis.networks import packaged_document
from native.codec import encode
from native.errors import InvalidData
from native.hashing import Hash32
from p2p.addresses import parse_peer_address
from p2p.errors import PeerMisbehaved
from p2p.libp2p_select import MULTISTREAM
from p2p.wire.encoding import (
    WIRE_VERSION,
    decode_announcement,
    decode_consensus,
    decode_gossip,
    decode_hello,
    decode_request,
    decode_response,
    encode_message,
)
from p2p.wire.framing import FrameReader, VarintFrameReader, frame
from p2p.wire.messages import (
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
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
    Status,
    Transactions,
    TransactionsAnnounced,
)
from p2p.yamux_frames import FramePayload, FrameSplitter, FrameType, pack_frame

A_HASH = Hash32(bytes(32))
DECODERS: list[Callable[[bytes], Any]] = [
    decode_hello,
    decode_consensus,
    decode_announcement,
    decode_gossip,
    decode_request,
    partial(decode_response, GetTransactions((A_HASH,) * REQUESTED_TRANSACTIONS_MAX)),
    partial(decode_response, GetBlocks((A_HASH,) * REQUESTED_BLOCKS_MAX)),
    partial(decode_response, GetRange(1, RANGE_BLOCKS_MAX)),
    partial(decode_response, GetCertificates(0, 1, CERTIFICATE_VIEWS_PER_ANSWER)),
    partial(decode_response, GetPeers()),
    partial(decode_response, GetFinality(1)),
    partial(decode_response, GetSnapshots()),
    partial(decode_response, GetManifest(A_HASH)),
    partial(decode_response, GetPart(A_HASH, 0)),
]
KINDS = (*range(1, 8), *range(16, 29), *range(32, 44), 62, 63)
DOCUMENT = packaged_document("testnet")

u64 = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
signatures = st.binary(min_size=VOTE_SIGNATURE_BYTES, max_size=VOTE_SIGNATURE_BYTES)
views = st.integers(1, 2**64 - 1)
checkpoints = st.builds(
    Checkpoint, u64, hashes, hashes, u64, st.booleans(), hashes, u64, u64, st.integers(0, 9), u64
)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
statuses = st.builds(Status, u64, hashes, u64, u64)
certificates = st.builds(
    QuorumCertificate,
    hashes,
    u64,
    st.sampled_from([VotePhase.PREFER, VotePhase.COMMIT]),
    views,
    u64,
    hashes,
    st.binary(max_size=8),
    st.lists(signatures, max_size=3).map(tuple),
)
blocks = st.lists(
    st.builds(BlockData, st.binary(max_size=99), st.binary(max_size=99)), max_size=3
).map(tuple)
values = st.recursive(
    u64 | st.binary(max_size=40), lambda inner: st.lists(inner, max_size=10), max_leaves=40
)
messages = st.one_of(
    statuses,
    certificates,
    st.builds(TransactionsAnnounced, st.lists(hashes, min_size=1, max_size=5).map(tuple)),
    st.builds(FinalAnnounced, st.binary(max_size=1_024), certificates),
    st.builds(
        Hello,
        st.integers(0, 2**32 - 1),
        hashes,
        texts,
        st.binary(max_size=2_592),
        st.binary(max_size=4_627),
        statuses,
        texts,
    ),
    st.builds(
        ProposalMessage,
        u64,
        u64,
        u64,
        st.integers(0, 63),
        st.binary(max_size=1_024),
        st.lists(hashes, max_size=5).map(tuple),
        signatures,
    ),
    st.builds(Transactions, st.lists(st.binary(max_size=99), max_size=3).map(tuple)),
    st.builds(Blocks, blocks),
    st.builds(Certificates, st.lists(certificates, max_size=3).map(tuple)),
    st.builds(Peers, st.lists(texts, max_size=3).map(tuple)),
    st.builds(
        BlockRange,
        blocks,
        st.lists(st.binary(max_size=99), max_size=3).map(tuple),
        st.none() | certificates,
    ),
    st.builds(
        FinalityClaim,
        st.none()
        | st.builds(
            Finality,
            certificates,
            hashes,
            st.just((genesis_trust(DOCUMENT).header,)),
            st.just(DOCUMENT.validator_set),
            st.none() | checkpoints,
        ),
    ),
    st.builds(SnapshotOffers, st.lists(st.tuples(u64, hashes), max_size=SNAPSHOTS_KEPT).map(tuple)),
    st.builds(SnapshotManifest, st.binary(max_size=99)),
    st.builds(SnapshotPart, st.binary(max_size=99)),
)


def decode_anything(payload: bytes) -> list[Any]:
    """What the decoders make of a payload; an error that is no InvalidData escapes."""
    found = []
    for decode in DECODERS:
        try:
            found.append(decode(payload))
        except InvalidData:
            pass
    return found


@given(messages)
def test_every_message_survives_its_bytes_in_exactly_one_decoder(message: Any) -> None:
    found = [each for each in decode_anything(encode_message(message)) if each == message]
    assert len(found) == 1


@given(
    st.builds(
        Vote, hashes, st.sampled_from([VotePhase.PREFER, VotePhase.COMMIT]), views, u64, hashes
    ),
    signatures,
)
def test_every_vote_survives_its_bytes(vote: Vote, signature: bytes) -> None:
    signed = SignedVote(vote, 7, 3, signature)
    received: Any = decode_consensus(encode_message(signed))
    assert received.bind(vote.instance_id) == signed


@given(st.binary(max_size=300))
def test_random_bytes_never_escape_as_another_error(payload: bytes) -> None:
    decode_anything(payload)
    for kind in KINDS:
        decode_anything(bytes((WIRE_VERSION, kind)) + payload)


@given(
    st.sampled_from(KINDS),
    st.lists(values, max_size=9),
)
def test_random_values_of_every_kind_are_messages_or_refused(kind: int, fields: list[Any]) -> None:
    payload = bytes((WIRE_VERSION, kind)) + encode(fields)
    for message in decode_anything(payload):
        if not hasattr(message, "bind") or isinstance(message, ProposalMessage):
            assert encode_message(message) == payload  # one message, one encoding


@given(messages, st.data())
def test_a_spoiled_message_is_another_message_or_refused(message: Any, data: st.DataObject) -> None:
    payload = bytearray(encode_message(message))
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(1, 255))
    assert message not in decode_anything(bytes(payload))


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(edge % (len(stream) + 1) for edge in at)})
    return [stream[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.binary(max_size=300), max_size=10), st.lists(st.integers(0, 5_000)))
def test_frames_do_not_depend_on_how_the_stream_is_cut(
    payloads: list[bytes], at: list[int]
) -> None:
    reader = FrameReader(300)
    stream = b"".join(map(frame, payloads))
    assert [each for piece in cut(stream, at) for each in reader.feed(piece)] == payloads
    assert reader.is_empty


@pytest.mark.parametrize("reader", [FrameReader, VarintFrameReader])
@given(stream=st.binary(max_size=600), at=st.lists(st.integers(0, 600)))
def test_random_streams_are_frames_or_refused(
    reader: type[FrameReader | VarintFrameReader], stream: bytes, at: list[int]
) -> None:
    framing = reader(100)
    try:
        for piece in cut(stream, at):
            assert all(len(payload) <= 100 for payload in framing.feed(piece))
    except InvalidData:
        pass


@given(st.binary(max_size=600), st.lists(st.integers(0, 600)))
def test_random_streams_are_yamux_or_misbehaviour_however_they_are_cut(
    stream: bytes, at: list[int]
) -> None:
    def split(pieces: list[bytes]) -> tuple[list[Any], bytes, bool]:
        splitter, headers, data = FrameSplitter(), [], b""
        try:
            for piece in pieces:
                for part in splitter.feed(piece):
                    if isinstance(part, FramePayload):
                        data += part.data
                    else:
                        headers.append(part)
        except PeerMisbehaved:
            return headers, data, False
        return headers, data, True

    assert split([stream]) == split(cut(stream, at))
    framed = pack_frame(FrameType.DATA, 0, 1, len(stream)) + stream
    assert split(cut(framed, at))[1] == stream


@given(st.text(max_size=80))
def test_random_text_is_an_address_or_refused(text: str) -> None:
    for candidate in (text, f"/ip4/{text}/tcp/1", f"/ip4/1.2.3.4/tcp/{text}", f"/dns/{text}/tcp/1"):
        try:
            assert parse_peer_address(str(parse_peer_address(candidate)))
        except InvalidData:
            pass


def test_the_multistream_line_is_the_one_of_the_specification() -> None:
    assert MULTISTREAM == "/multistream/1.0.0"
