"""JSON-RPC 2.0 without a socket: bytes to calls, results to bytes.

Parameters and ids stay raw JSON here: a caller's deep or huge values never become Python objects
before a method's own parameter type has accepted them.
"""

import re
from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from aichain.rpc.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidParams,
    InvalidRequest,
    ParseError,
    RpcRefused,
    error_object,
)
from genesis.limits import RPC_ID_MAX_BYTES, RPC_METHOD_MAX_CHARS
from native.errors import InvalidData

T = TypeVar("T")

NULL_ID = b"null"
_SHORT_ID = re.compile(rb'(0|[1-9][0-9]{0,15})|"[\w-]{0,64}"', re.ASCII)
"""Ids that need no second look."""


class Call(msgspec.Struct, frozen=True):
    """One request; `id` is the caller's JSON, echoed verbatim, or None for a notification."""

    id: bytes | None
    method: str
    params: bytes


class Malformed(msgspec.Struct, frozen=True):
    """Something that stands where a request should be."""

    id: bytes
    error: RpcRefused


Item = Call | Malformed


class Batch(msgspec.Struct, frozen=True):
    """The items of a JSON array, in its order."""

    items: tuple[Item, ...]


class _Request(msgspec.Struct):
    jsonrpc: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    method: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


class _WellFormed(msgspec.Struct):
    """What nearly everybody sends, read in one step."""

    jsonrpc: Literal["2.0"]
    method: str
    id: Raw
    params: Raw = Raw(b"")


_REQUEST = msgspec.json.Decoder(_Request)
_WELL_FORMED = msgspec.json.Decoder(_WellFormed)
_ITEMS = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)
_ID = msgspec.json.Decoder(str | int | float | None)


def parse_calls(body: bytes, *, max_batch: int) -> Item | Batch:
    """What a body asks for; every failure is a value, because JSON-RPC answers each of them."""
    try:
        if not body.isascii():
            body.decode()
        if not body.lstrip(b" \t\r\n").startswith(b"["):
            return parse_item(body)
        items = _decode(_ITEMS, body)
    except UnicodeDecodeError:
        return Malformed(NULL_ID, ParseError(reason="the body is not UTF-8"))
    except RpcRefused as error:
        return Malformed(NULL_ID, error)
    if not items:
        return Malformed(NULL_ID, EmptyBatch())
    if len(items) > max_batch:
        return Malformed(NULL_ID, BatchTooLarge(limit=max_batch, given=len(items)))
    return Batch(tuple(parse_item(bytes(item)) for item in items))


def parse_params(decoder: msgspec.json.Decoder[T], names: Sequence[str], raw: bytes) -> T:
    """Params by name, or by position in the order of `names`, as the decoder's type.

    Raises InvalidParams. Trailing parameters that are null count as not given.
    """
    try:
        if raw == b"[]":
            raw = b""
        elif raw.startswith(b"["):
            raw = _by_name(_decode(_ITEMS, raw), names)
        elif raw and not raw.startswith(b"{"):
            raise InvalidParams(reason="params are an array or an object")
        return _decode(decoder, raw or b"{}")
    except (ParseError, InvalidRequest) as error:
        raise InvalidParams(reason=error.reason) from error


def render_result(request_id: bytes, result: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (request_id, result)


def render_error(request_id: bytes, error: InvalidData) -> bytes:
    body = msgspec.json.encode(error_object(error))
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request_id, body)


def render_batch(responses: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(responses) + b"]"


def render_notification(method: str, subscription: str, member: str, value: bytes) -> bytes:
    """A push to a subscriber; `member` is "result", or "error" for the last one."""
    return b'{"jsonrpc":"2.0","method":"%b","params":{"subscription":"%b","%b":%b}}' % (
        method.encode(),
        subscription.encode(),
        member.encode(),
        value,
    )


def parse_item(raw: bytes) -> Item:
    """What stands where a request should be, quickly where it is one of the usual form."""
    try:
        call = _WELL_FORMED.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return examine_item(raw)  # it says what is wrong, if anything is
    request_id = bytes(call.id)
    if len(call.method) > RPC_METHOD_MAX_CHARS or not _SHORT_ID.fullmatch(request_id):
        return examine_item(raw)
    params = bytes(call.params)
    return Call(request_id, call.method, b"" if params == b"null" else params)


def examine_item(raw: bytes) -> Item:
    """The definition that `parse_item` agrees with."""
    try:
        request = _decode(_REQUEST, raw)
    except RpcRefused as error:
        return Malformed(NULL_ID, error)
    request_id: bytes | None = None
    try:
        if not isinstance(request.id, UnsetType):
            request_id = _read_id(bytes(request.id))
        version = _read_text(request.jsonrpc, "jsonrpc")
        if version != "2.0":
            raise InvalidRequest(reason='jsonrpc has to be "2.0"')
        method = _read_text(request.method, "method")
        if len(method) > RPC_METHOD_MAX_CHARS:
            raise InvalidRequest(reason="the method's name is too long")
    except RpcRefused as error:
        return Malformed(request_id or NULL_ID, error)
    params = b"" if isinstance(request.params, UnsetType) else bytes(request.params)
    return Call(request_id, method, b"" if params == b"null" else params)


def _read_id(raw: bytes) -> bytes:
    if len(raw) > RPC_ID_MAX_BYTES:
        raise InvalidRequest(reason="the id is too long")
    try:
        _ID.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(reason="the id is a string, a number or null") from error
    return raw


def _read_text(raw: Raw | UnsetType, name: str) -> str:
    if isinstance(raw, UnsetType):
        raise InvalidRequest(reason=f"{name} is missing")
    try:
        return _TEXT.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(reason=f"{name} is not a string") from error


def _by_name(values: list[Raw], names: Sequence[str]) -> bytes:
    given = [bytes(value) for value in values]
    while given and given[-1] == b"null":
        given.pop()
    if len(given) > len(names):
        raise InvalidParams(reason=f"at most {len(names)} params are taken, {len(given)} given")
    pairs = zip(names, given, strict=False)
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in pairs) + b"}"


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(reason=str(error)) from error
    except msgspec.DecodeError as error:
        raise ParseError(reason=str(error)) from error
    except RecursionError as error:
        raise ParseError(reason="nested too deeply") from error
