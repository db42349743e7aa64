"""Every decoder that bytes from outside reach, behind one function: it may only refuse by name."""

from collections.abc import Callable
from typing import Final

from aichain.rpc.jsonrpc import parse_calls
from consensus.records import decode_record, encode_record
from native import codec
from native.errors import InvalidData
from p2p.wire.encoding import (
    decode_announcement,
    decode_consensus,
    decode_gossip,
    decode_hello,
    decode_request,
    encode_message,
)
from vm.blocks import decode_body, decode_header, encode_body
from vm.receipts import decode_receipt, encode_receipt
from vm.transactions import decode_transaction


def _codec(raw: bytes) -> None:
    assert codec.encode(codec.decode(raw, max_bytes=1 << 16, max_items=1 << 12)) == raw


def _transaction(raw: bytes) -> None:
    assert decode_transaction(raw).raw == raw


def _header(raw: bytes) -> None:
    assert decode_header(raw).raw == raw


def _body(raw: bytes) -> None:
    assert encode_body(decode_body(raw)) == raw


def _receipt(raw: bytes) -> None:
    assert encode_receipt(decode_receipt(raw)) == raw


def _record(raw: bytes) -> None:
    assert encode_record(decode_record(raw)) == raw


def _hello(raw: bytes) -> None:
    assert encode_message(decode_hello(raw)) == raw


def _gossip(raw: bytes) -> None:
    assert encode_message(decode_gossip(raw)) == raw


def _request(raw: bytes) -> None:
    assert encode_message(decode_request(raw)) == raw


def _consensus(raw: bytes) -> None:
    decode_consensus(raw)


def _announcement(raw: bytes) -> None:
    decode_announcement(raw)


def _calls(raw: bytes) -> None:
    parse_calls(raw, max_batch=100)


DECODERS: Final[tuple[Callable[[bytes], None], ...]] = (
    _codec,
    _transaction,
    _header,
    _body,
    _receipt,
    _record,
    _hello,
    _consensus,
    _announcement,
    _gossip,
    _request,
    _calls,
)
"""The order is that of the corpus: a file's first byte chooses."""


def decode_one(data: bytes) -> bool:
    """Feed `data[1:]` to the decoder that `data[0]` names; False if it was refused by name.

    Anything but InvalidData, and an accepted input that does not encode to itself, is a failure.
    """
    if not data:
        return False
    try:
        DECODERS[data[0] % len(DECODERS)](data[1:])
    except InvalidData:
        return False
    return True
