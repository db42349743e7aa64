"""The fields of each message as canonical values, and back: one pair of functions a message."""

from typing import TypeVar

from consensus.certificates import decode_certificate
from genesis.limits import (
    ADDRESS_MAX_BYTES,
    AGENT_MAX_BYTES,
    CERTIFICATE_VIEWS_PER_ANSWER,
    CERTIFIED_PATH_MAX,
    EXCHANGED_ADDRESSES_MAX,
    HEADER_MAX_BYTES,
    LANE_MEMBERS_MAX,
    RANGE_BLOCKS_MAX,
    REQUESTED_TRANSACTIONS_MAX,
    RESPONSE_MAX_BYTES,
)
from native.codec import Encodable, Value, array, bounded, sequence, uint
from native.errors import DecodeError
from native.hashing import Hash32, hash32
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from p2p.wire.messages import (
    BlockData,
    BlockRange,
    Certificates,
    FinalAnnounced,
    GetBlocks,
    GetCertificates,
    GetRange,
    GetTransactions,
    Hello,
    Peers,
    Pruned,
    Status,
    Transactions,
    TransactionsAnnounced,
)

M = TypeVar("M")


def write_status(status: Status) -> list[Encodable]:
    where: list[Encodable] = [status.final_height, status.final_id, status.epoch, status.view]
    return [*where, status.anchor_id]


def read_status(value: Value) -> Status:
    height, final_id, epoch, view, anchor_id = array(value, 5)
    return Status(uint(height), hash32(final_id), uint(epoch), uint(view), hash32(anchor_id))


def write_hello(hello: Hello) -> list[Encodable]:
    return [
        hello.network_id,
        hello.genesis_hash,
        hello.agent.encode(),
        hello.validator_key,
        hello.binding,
        write_status(hello.status),
        hello.listen.encode(),
    ]


def read_hello(fields: list[Value]) -> Hello:
    network_id, genesis_hash, agent, key, binding, status, listen = array(fields, 7)
    return Hello(
        uint(network_id, bits=32),
        hash32(genesis_hash),
        read_text(agent, AGENT_MAX_BYTES),
        bounded(key, max(PUBLIC_KEY_BYTES.values())),
        bounded(binding, max(SIGNATURE_BYTES.values())),
        read_status(status),
        read_text(listen, ADDRESS_MAX_BYTES),
    )


def read_text(value: Value, max_bytes: int) -> str:
    raw = bounded(value, max_bytes)
    if not raw.isascii() or not raw.decode("ascii").isprintable():
        raise DecodeError("text is printable ASCII")
    return raw.decode("ascii")


def hashes(value: Value, max_length: int) -> tuple[Hash32, ...]:
    return tuple(hash32(item) for item in sequence(value, max_length))


def read_ids(fields: list[Value], max_length: int) -> tuple[Hash32, ...]:
    ids = hashes(array(fields, 1)[0], max_length)
    if not ids:
        raise DecodeError("an empty list of ids")
    return ids


def read_final(fields: list[Value]) -> FinalAnnounced:
    header_raw, certificate = array(fields, 2)
    return FinalAnnounced(bounded(header_raw, HEADER_MAX_BYTES), decode_certificate(certificate))


def read_get_range(fields: list[Value]) -> GetRange:
    from_height, count = array(fields, 2)
    request = GetRange(uint(from_height), uint(count, bits=32))
    if not 0 < request.count <= RANGE_BLOCKS_MAX:
        raise DecodeError(f"a range of {request.count} blocks")
    return request


def read_get_certificates(fields: list[Value]) -> GetCertificates:
    request = GetCertificates(*(uint(item) for item in array(fields, 3)))
    if not 0 <= request.high_view - request.low_view < CERTIFICATE_VIEWS_PER_ANSWER:
        raise DecodeError(f"views {request.low_view} to {request.high_view}")
    return request


def write_blocks(blocks: tuple[BlockData, ...]) -> list[Encodable]:
    return [[block.header_raw, block.body_raw] for block in blocks]


def read_blocks(value: Value, max_length: int) -> tuple[BlockData, ...]:
    pairs = (array(item, 2) for item in sequence(value, max_length))
    return tuple(
        BlockData(bounded(header, HEADER_MAX_BYTES), bounded(body, RESPONSE_MAX_BYTES))
        for header, body in pairs
    )


def write_range(answer: BlockRange) -> list[Encodable]:
    certificate = answer.certificate
    return [
        write_blocks(answer.blocks),
        list(answer.path),
        [] if certificate is None else certificate.encode(),
    ]


def read_range(fields: list[Value]) -> BlockRange:
    blocks, path, certificate = array(fields, 3)
    return BlockRange(
        read_blocks(blocks, RANGE_BLOCKS_MAX),
        tuple(bounded(raw, HEADER_MAX_BYTES) for raw in sequence(path, CERTIFIED_PATH_MAX)),
        None if certificate == [] else decode_certificate(certificate),
    )


def read_transactions(fields: list[Value]) -> Transactions:
    raws = sequence(array(fields, 1)[0], REQUESTED_TRANSACTIONS_MAX)
    return Transactions(tuple(bounded(raw, RESPONSE_MAX_BYTES) for raw in raws))


def read_certificates(fields: list[Value]) -> Certificates:
    values = sequence(array(fields, 1)[0], 3 * CERTIFICATE_VIEWS_PER_ANSWER)
    most = LANE_MEMBERS_MAX
    return Certificates(tuple(decode_certificate(each, members_max=most) for each in values))


def read_peers(fields: list[Value]) -> Peers:
    texts = sequence(array(fields, 1)[0], EXCHANGED_ADDRESSES_MAX)
    return Peers(tuple(read_text(text, ADDRESS_MAX_BYTES) for text in texts))


def read_pruned(fields: list[Value]) -> Pruned:
    return Pruned(uint(array(fields, 1)[0]))


def write_ids(message: TransactionsAnnounced | GetTransactions | GetBlocks) -> list[Encodable]:
    return [list(message.ids)]


def nothing(fields: list[Value], message: M) -> M:
    array(fields, 0)
    return message
