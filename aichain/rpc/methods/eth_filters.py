"""`eth_*` filters: subscriptions for callers who poll."""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.backend import Backend
from aichain.rpc.errors import InvalidParams, UnknownFilter, UnknownResource
from aichain.rpc.filters import BlockFilter, LogsFilter, PendingFilter
from aichain.rpc.methods.eth_blocks import height_of
from aichain.rpc.methods.eth_logs import LogQuery, filter_of, logs_between, scan_logs
from aichain.rpc.registry import Context, NoParams, Params, method
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results.ethereum import EthLog
from aichain.rpc.results.result import HashHex, Quantity
from genesis.limits import RPC_LOG_BLOCKS_MAX, RPC_LOGS_MAX

_OPEN_ENDS = ("latest", "pending", "safe", "finalized")


class NewFilter(Params, frozen=True):
    filter: LogQuery


class ById(Params, frozen=True):
    filter: Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{1,64}\Z")]


async def new_block_filter(context: Context, _: NoParams) -> Quantity:
    """A filter of the hashes of final blocks, from now on."""
    following = context.backend.status().height + 1
    return context.filters.install(BlockFilter(following), context.clock.now_ms())


async def new_pending_filter(context: Context, _: NoParams) -> Quantity:
    """A filter of the hashes of transactions that come to wait, from now on."""
    return context.filters.install(PendingFilter(), context.clock.now_ms())


async def new_log_filter(context: Context, params: NewFilter) -> Quantity:
    """A filter of logs; its changes are those of blocks that become final from now on."""
    query, backend = params.filter, context.backend
    if query.block_hash is not None:
        raise InvalidParams(reason="a block that is final has no changes: eth_getLogs has its logs")
    head = backend.status().height
    first = height_of(backend, query.from_block or "latest")
    open_end = query.to_block is None or query.to_block in _OPEN_ENDS
    last = None if open_end else height_of(backend, query.to_block or "latest")
    if last is not None and first > last:
        raise InvalidParams(reason="fromBlock is above toBlock")
    wanted = LogsFilter(filter_of(query), first, last, max(head + 1, first))
    return context.filters.install(wanted, context.clock.now_ms())


async def get_changes(context: Context, params: ById) -> list[HashHex | EthLog]:
    """What came since this was last asked; the rest of very much comes with the next call."""
    found: list[HashHex | EthLog] = []
    match context.filters.find(params.filter, context.clock.now_ms()):
        case BlockFilter() as blocks:
            found += await _block_hashes(context.backend, blocks)
        case PendingFilter() as pending:
            found += context.filters.take_pending(pending)
        case LogsFilter() as logs:
            found += await _new_logs(context, logs)
    return found


async def get_filter_logs(context: Context, params: ById) -> list[EthLog]:
    """All logs that a filter of logs asks for, as eth_getLogs has them."""
    found = context.filters.find(params.filter, context.clock.now_ms())
    if not isinstance(found, LogsFilter):
        raise UnknownFilter(filter=params.filter)
    head = context.backend.status().height
    last = head if found.last is None else min(found.last, head)
    return await logs_between(context, found.wanted, found.first, last)


async def uninstall(context: Context, params: ById) -> bool:
    """End a filter; false when there was none."""
    return context.filters.uninstall(params.filter)


async def _block_hashes(backend: Backend, wanted: BlockFilter) -> list[HashHex]:
    stop = min(backend.status().height + 1, wanted.next_height + RPC_LOG_BLOCKS_MAX)
    hashes: list[HashHex] = []
    for height in range(wanted.next_height, stop):
        view = await backend.block_at(height)
        if view is None:
            raise UnknownResource(resource=f"block {height}")
        hashes.append(show_bytes(view.block.id))
    wanted.next_height = max(wanted.next_height, stop)
    return hashes


async def _new_logs(context: Context, wanted: LogsFilter) -> list[EthLog]:
    head = context.backend.status().height
    last = head if wanted.last is None else min(wanted.last, head)
    stop = min(last + 1, wanted.next_height + RPC_LOG_BLOCKS_MAX)
    heights = range(wanted.next_height, stop)
    # A block has far fewer logs than half an answer, so that whole blocks always fit.
    found, following = await scan_logs(context, wanted.wanted, heights, enough=RPC_LOGS_MAX // 2)
    wanted.next_height = max(wanted.next_height, following)
    return found


METHODS = (
    method("eth_newBlockFilter", NoParams, new_block_filter),
    method("eth_newPendingTransactionFilter", NoParams, new_pending_filter),
    method("eth_newFilter", NewFilter, new_log_filter),
    method("eth_getFilterChanges", ById, get_changes),
    method("eth_getFilterLogs", ById, get_filter_logs),
    method("eth_uninstallFilter", ById, uninstall),
)
