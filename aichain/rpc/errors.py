"""What RPC refuses, and the one table from refusals to JSON-RPC error numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType

from aichain.errors import NotPooled
from genesis.errors import InvalidAddress
from native.errors import (
    AIChainError,
    DecodeError,
    InvalidData,
    InvalidPeerId,
    InvalidSignature,
)
from vm.errors import InvalidTransaction


class RpcRefused(InvalidData):
    """The call itself is wrong, whatever the chain says."""


@dataclass(eq=False)
class ParseError(RpcRefused):
    """The body is not JSON."""

    reason: str


@dataclass(eq=False)
class InvalidRequest(RpcRefused):
    """It is JSON, but not a JSON-RPC 2.0 request."""

    reason: str


@dataclass(eq=False)
class EmptyBatch(RpcRefused):
    """A batch holds at least one call."""


@dataclass(eq=False)
class BatchTooLarge(RpcRefused):
    limit: int
    given: int


@dataclass(eq=False)
class RequestTooLarge(RpcRefused):
    limit_bytes: int


@dataclass(eq=False)
class MethodNotFound(RpcRefused):
    method: str


@dataclass(eq=False)
class InvalidParams(RpcRefused):
    reason: str


@dataclass(eq=False)
class UnknownResource(RpcRefused):
    """What was asked for does not exist here, and null would be a wrong answer."""

    resource: str


@dataclass(eq=False)
class HistoryPruned(RpcRefused):
    """What is asked for lies below the first block that this node keeps."""

    height: int
    first: int


@dataclass(eq=False)
class HistoryDamaged(RpcRefused):
    """The disk does not give back what was written; the node's log says where."""


@dataclass(eq=False)
class StateNotKept(RpcRefused):
    """Only the state after the last final block is kept."""

    height: int
    head: int


@dataclass(eq=False)
class StateNotCertified(RpcRefused):
    """No block became final since this node started, so no final header carries a root it holds."""

    height: int


@dataclass(eq=False)
class CallsExceeded(RpcRefused):
    """Too many calls from one address; `retry_ms` says when the next one will be served."""

    retry_ms: int


@dataclass(eq=False)
class ServerBusy(RpcRefused):
    """Other callers have not read their answers yet."""


@dataclass(eq=False)
class ResponseTooLarge(RpcRefused):
    limit_bytes: int


@dataclass(eq=False)
class TimedOut(RpcRefused):
    limit_ms: int


@dataclass(eq=False)
class WebSocketNeeded(RpcRefused):
    """Subscriptions live as long as a WebSocket connection."""

    method: str


@dataclass(eq=False)
class TooManySubscriptions(RpcRefused):
    limit: int


@dataclass(eq=False)
class SubscriberLagged(RpcRefused):
    """The reader was too slow for its subscription, which has ended; subscribe again."""

    limit_messages: int


@dataclass(eq=False)
class NotIndexed(RpcRefused):
    """This node does not index accounts."""


@dataclass(eq=False)
class LegacyTransaction(RpcRefused):
    """A JSON MiningTransaction: its signature covers no defined bytes and cannot be checked."""

    variant: str


@dataclass(eq=False)
class NotAnAIChainTransaction(RpcRefused):
    """AI-Chain accounts sign with ML-DSA; an EVM wallet's transaction cannot be accepted."""

    reason: str


@dataclass(eq=False)
class ExecutionReverted(RpcRefused):
    """What a contract would answer; clients know it by its number and its message."""

    reason: str

    def __str__(self) -> str:
        return f"execution reverted: {self.reason}"


@dataclass(eq=False)
class QueryTooLarge(RpcRefused):
    """More than one answer may read or hold: ask for fewer blocks, or for less of them."""

    what: str
    limit: int


@dataclass(eq=False)
class UnknownFilter(RpcRefused):
    """It was uninstalled, was not asked for too long, or never was here."""

    filter: str


@dataclass(eq=False)
class TooManyFilters(RpcRefused):
    limit: int


# The numbers follow JSON-RPC 2.0 §5.1 and, from -32000 down, EIP-1474. Programs tell errors of
# one number apart by `data.code`, which is the snake_case name of the class and never changes.
NUMBERS: Mapping[type[AIChainError], int] = MappingProxyType(
    {
        ParseError: -32700,
        InvalidRequest: -32600,
        EmptyBatch: -32600,
        BatchTooLarge: -32600,
        RequestTooLarge: -32600,
        MethodNotFound: -32601,
        InvalidParams: -32602,
        UnknownResource: -32001,
        HistoryPruned: -32001,
        StateNotKept: -32001,
        StateNotCertified: -32001,
        NotIndexed: -32001,
        HistoryDamaged: -32603,
        TimedOut: -32002,
        InvalidTransaction: -32003,
        NotPooled: -32003,
        LegacyTransaction: -32003,
        NotAnAIChainTransaction: -32003,
        ExecutionReverted: 3,
        UnknownFilter: -32001,
        WebSocketNeeded: -32004,
        QueryTooLarge: -32005,
        TooManyFilters: -32005,
        CallsExceeded: -32005,
        ServerBusy: -32005,
        TooManySubscriptions: -32005,
        ResponseTooLarge: -32005,
        SubscriberLagged: -32005,
        InvalidAddress: -32602,
        InvalidPeerId: -32602,
        DecodeError: -32010,
        InvalidSignature: -32011,
        InvalidData: -32000,
    }
)


def error_number(error: InvalidData) -> int:
    """The number of the closest class in the table; every InvalidData has one."""
    return next(NUMBERS[kind] for kind in type(error).__mro__ if kind in NUMBERS)


def error_object(error: InvalidData) -> dict[str, object]:
    """The JSON-RPC error member. Integers in `data` are decimal strings, bytes are 0x hex."""
    data: dict[str, object] = {"code": error.code}
    if is_dataclass(error):
        data |= {field.name: _plain(getattr(error, field.name)) for field in fields(error)}
    return {"code": error_number(error), "message": str(error), "data": data}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if value is None or isinstance(value, bool):
        return value
    return str(value)
