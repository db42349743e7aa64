"""`eth_*` of transactions and their receipts: final ones have a place, others are pending."""

from aichain.rpc.backend import BlockView, Placement, TransactionView
from aichain.rpc.methods.eth_blocks import (
    BlockQuery,
    BlockReference,
    block_of,
    validators_of,
)
from aichain.rpc.methods.parameters import EthBlockText, HashText, IndexText, hash_of
from aichain.rpc.registry import Context, Params, method
from aichain.rpc.render.ethereum import (
    quantity,
    show_eth_receipts,
    show_eth_transaction,
)
from aichain.rpc.results.ethereum import EthReceipt, EthTransaction
from aichain.rpc.results.result import Quantity


class ByHash(Params, frozen=True):
    hash: HashText


class ByNumber(Params, frozen=True):
    block: EthBlockText


class ByHashAndIndex(Params, frozen=True):
    hash: HashText
    index: IndexText


class ByNumberAndIndex(Params, frozen=True):
    block: EthBlockText
    index: IndexText


async def get_transaction(context: Context, params: ByHash) -> EthTransaction | None:
    """A transaction: of a final block, or pending; null when this node does not hold it."""
    view = await context.backend.transaction(hash_of(params.hash))
    return None if view is None else show_eth_transaction(view)


async def get_transaction_by_hash_and_index(
    context: Context, params: ByHashAndIndex
) -> EthTransaction | None:
    """One of a final block, or null."""
    return await _at(context, params.hash, params.index)


async def get_transaction_by_number_and_index(
    context: Context, params: ByNumberAndIndex
) -> EthTransaction | None:
    """One of a final block, or null."""
    return await _at(context, params.block, params.index)


async def get_receipt(context: Context, params: ByHash) -> EthReceipt | None:
    """What came of a final transaction; null while it is pending."""
    found = await context.backend.transaction(hash_of(params.hash))
    placement = None if found is None else found.placement
    if placement is None or not placement.final:
        return None
    view = await context.backend.block_at(placement.height)
    if view is None:
        return None
    (receipt,) = await _receipts(context, view, range(placement.index, placement.index + 1))
    return receipt


async def get_block_receipts(context: Context, params: BlockQuery) -> list[EthReceipt] | None:
    """Those of all transactions of a final block, or null."""
    view = await block_of(context.backend, params.block)
    if view is None:
        return None
    return await _receipts(context, view, range(len(view.receipts)))


async def count_by_hash(context: Context, params: ByHash) -> Quantity | None:
    """How many transactions a final block has, or null."""
    return await _count(context, params.hash)


async def count_by_number(context: Context, params: ByNumber) -> Quantity | None:
    """How many transactions a final block has, or null."""
    return await _count(context, params.block)


async def uncles_by_hash(context: Context, params: ByHash) -> Quantity | None:
    """None: a block that did not become final is no uncle; null when there is no such block."""
    return None if await block_of(context.backend, params.hash) is None else quantity(0)


async def uncles_by_number(context: Context, params: ByNumber) -> Quantity | None:
    """None: a block that did not become final is no uncle; null when there is no such block."""
    return None if await block_of(context.backend, params.block) is None else quantity(0)


async def _receipts(context: Context, view: BlockView, indices: range) -> list[EthReceipt]:
    validators = await validators_of(context.backend, view)
    document = context.backend.head().document
    shown = await context.logs.of(view, validators, document, context.renderer)

    def work() -> list[EthReceipt]:
        return show_eth_receipts(view, shown, indices)

    return await context.renderer.listing(len(indices), work)


async def _at(context: Context, block: str | BlockReference, index: str) -> EthTransaction | None:
    view = await block_of(context.backend, block)
    place = int(index, 16)
    if view is None or place >= len(view.block.transactions):
        return None
    header, receipt = view.block.header, view.receipts[place]
    placement = Placement(header.height, header.id, place, receipt, view.status)
    return show_eth_transaction(TransactionView(view.block.transactions[place], placement))


async def _count(context: Context, block: str) -> Quantity | None:
    view = await block_of(context.backend, block)
    return None if view is None else quantity(len(view.block.transactions))


METHODS = (
    method("eth_getTransactionByHash", ByHash, get_transaction),
    method(
        "eth_getTransactionByBlockHashAndIndex", ByHashAndIndex, get_transaction_by_hash_and_index
    ),
    method(
        "eth_getTransactionByBlockNumberAndIndex",
        ByNumberAndIndex,
        get_transaction_by_number_and_index,
    ),
    method("eth_getTransactionReceipt", ByHash, get_receipt),
    method("eth_getBlockReceipts", BlockQuery, get_block_receipts),
    method("eth_getBlockTransactionCountByHash", ByHash, count_by_hash),
    method("eth_getBlockTransactionCountByNumber", ByNumber, count_by_number),
    method("eth_getUncleCountByBlockHash", ByHash, uncles_by_hash),
    method("eth_getUncleCountByBlockNumber", ByNumber, uncles_by_number),
)
