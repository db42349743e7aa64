"""`eth_getLogs`: which logs of final blocks a caller asks for, in bounded pieces."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.errors import InvalidParams, QueryTooLarge, UnknownResource
from aichain.rpc.logs import LogFilter
from aichain.rpc.methods.eth_blocks import block_of, height_of, validators_of
from aichain.rpc.methods.parameters import (
    AddressText,
    EthBlockText,
    HashText,
    address_of,
    bytes_of,
)
from aichain.rpc.registry import Context, Params, method
from aichain.rpc.results.ethereum import EthLog
from genesis.limits import (
    RPC_LOG_ALTERNATIVES_MAX,
    RPC_LOG_BLOCKS_MAX,
    RPC_LOG_TOPICS_MAX,
    RPC_LOGS_MAX,
)
from genesis.units import Address
from genesis.validators import ValidatorSet
from native.hashing import Hash32

_Many = Meta(max_length=RPC_LOG_ALTERNATIVES_MAX)
Addresses = AddressText | Annotated[list[AddressText], _Many] | None
Topics = Annotated[
    list[HashText | Annotated[list[HashText], _Many] | None], Meta(max_length=RPC_LOG_TOPICS_MAX)
]


class LogQuery(msgspec.Struct, frozen=True, rename="camel"):
    """Blocks, addresses, and for each topic a hash, several, or null for any."""

    from_block: EthBlockText | None = None
    to_block: EthBlockText | None = None
    block_hash: HashText | None = None
    address: Addresses = None
    topics: Topics | None = None


class Logs(Params, frozen=True):
    filter: LogQuery


async def get_logs(context: Context, params: Logs) -> list[EthLog]:
    """Logs of final blocks that match: of one block, or of a range of bounded length."""
    query, backend = params.filter, context.backend
    wanted = filter_of(query)
    if query.block_hash is None:
        first, last = heights_of(backend, query)
        return await logs_between(context, wanted, first, last)
    if query.from_block is not None or query.to_block is not None:
        raise InvalidParams(reason="a blockHash stands instead of fromBlock and toBlock")
    view = await block_of(backend, query.block_hash)
    if view is None:
        raise UnknownResource(resource=f"block {query.block_hash}")
    return await _logs_in(context, view, await validators_of(backend, view), wanted)


def filter_of(query: LogQuery) -> LogFilter:
    """Raises InvalidAddress."""
    match query.address:
        case None:
            addresses = frozenset[Address]()
        case str(text):
            addresses = frozenset((address_of(text),))
        case texts:
            addresses = frozenset(map(address_of, texts))
    return LogFilter(addresses, tuple(map(_alternatives, query.topics or ())))


def heights_of(backend: Backend, query: LogQuery) -> tuple[int, int]:
    """The first and the last height asked for; "latest" is the default of both."""
    first = height_of(backend, query.from_block or "latest")
    last = height_of(backend, query.to_block or "latest")
    if query.to_block is not None and first > last:
        raise InvalidParams(reason="fromBlock is above toBlock")
    return first, min(last, backend.status().height)


async def logs_between(context: Context, wanted: LogFilter, first: int, last: int) -> list[EthLog]:
    """Raises QueryTooLarge for more blocks or logs than one answer has."""
    if last - first >= RPC_LOG_BLOCKS_MAX:
        raise QueryTooLarge(what="blocks", limit=RPC_LOG_BLOCKS_MAX)
    found, _ = await scan_logs(context, wanted, range(first, last + 1), enough=RPC_LOGS_MAX + 1)
    if len(found) > RPC_LOGS_MAX:
        raise QueryTooLarge(what="logs", limit=RPC_LOGS_MAX)
    return found


async def scan_logs(
    context: Context, wanted: LogFilter, heights: range, *, enough: int
) -> tuple[list[EthLog], int]:
    """Logs of whole blocks until there are enough, and the height that comes next."""
    backend = context.backend
    found: list[EthLog] = []
    height = heights.start
    sets: dict[Hash32, ValidatorSet | None] = {}
    while height < heights.stop and len(found) < enough:
        view = await backend.block_at(height)
        if view is None:
            raise UnknownResource(resource=f"block {height}")
        name = view.block.header.vset_hash
        if name not in sets or sets[name] is None:
            sets[name] = await validators_of(backend, view)
        found += await _logs_in(context, view, sets[name], wanted)
        height += 1
        context.charge(1)
    return found, height


async def _logs_in(
    context: Context, view: BlockView, validators: ValidatorSet | None, wanted: LogFilter
) -> list[EthLog]:
    document = context.backend.head().document
    logs = await context.logs.of(view, validators, document, context.renderer)
    return [each.shown for each in logs if wanted.wants(each.log)]


def _alternatives(topic: str | list[str] | None) -> frozenset[bytes]:
    if topic is None:
        return frozenset()
    return frozenset(map(bytes_of, [topic] if isinstance(topic, str) else topic))


METHODS = (method("eth_getLogs", Logs, get_logs),)
