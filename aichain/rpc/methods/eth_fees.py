"""`eth_*` of prices: gas is weight, and its price the base fee; tips matter in a full pool only."""

from typing import Annotated

from msgspec import UNSET, Meta

from aichain.rpc.backend import BlockView
from aichain.rpc.errors import InvalidParams, UnknownResource
from aichain.rpc.methods.eth_blocks import height_of
from aichain.rpc.methods.parameters import EthBlockText, IndexText
from aichain.rpc.registry import Context, NoParams, Params, instant_method, method
from aichain.rpc.render.ethereum import quantity, weight_of
from aichain.rpc.results.ethereum import FeeHistory
from aichain.rpc.results.result import Quantity
from genesis.limits import RPC_FEE_HISTORY_BLOCKS_MAX, RPC_FEE_PERCENTILES_MAX

Percentile = Annotated[float, Meta(ge=0, le=100)]


class FeeWindow(Params, frozen=True):
    blocks: IndexText | Annotated[int, Meta(ge=0, le=2**31)]
    newest: EthBlockText
    percentiles: Annotated[list[Percentile], Meta(max_length=RPC_FEE_PERCENTILES_MAX)] | None = None


def gas_price(context: Context, _: NoParams) -> Quantity:
    """The base fee of the next block."""
    return quantity(context.backend.head().base_fee)


def max_priority_fee(context: Context, _: NoParams) -> Quantity:
    """The tip per weight that the pool asks for: nothing while it has room."""
    return quantity(context.backend.mempool(0).tip_floor)


async def fee_history(context: Context, params: FeeWindow) -> FeeHistory:
    """Base fees, fullness and tips of the last final blocks up to one."""
    backend = context.backend
    wanted = params.percentiles
    if wanted is not None and wanted != sorted(wanted):
        raise InvalidParams(reason="percentiles rise")
    newest = height_of(backend, params.newest)
    if newest > backend.status().height:
        raise UnknownResource(resource=f"block {newest}")
    blocks = params.blocks if isinstance(params.blocks, int) else int(params.blocks, 16)
    # Nobody pays for block 0. Who asks for more gets what one answer has, as elsewhere.
    blocks = min(blocks, RPC_FEE_HISTORY_BLOCKS_MAX, newest)
    if blocks == 0:
        return FeeHistory(oldest_block=quantity(newest), base_fee_per_gas=[], gas_used_ratio=[])
    views = await _views(context, newest - blocks + 1, newest)
    base_fees = await context.prices.of(backend, views)
    most = backend.head().document.fees.max_block_weight
    return FeeHistory(
        oldest_block=quantity(views[0].block.header.height),
        base_fee_per_gas=[quantity(base_fee) for base_fee in base_fees],
        gas_used_ratio=[weight_of(view) / most for view in views],
        reward=UNSET
        if wanted is None
        else [[quantity(tip) for tip in tips_at(view, wanted)] for view in views],
    )


def tips_at(view: BlockView, percentiles: list[float]) -> list[int]:
    """Tips per weight, where so much of the block's paid weight tips less; zeros where none is."""
    paid = sorted(
        (receipt.tip // signed.weight, signed.weight)
        for signed, receipt in zip(view.block.transactions, view.receipts, strict=True)
        if not signed.transaction.is_system
    )
    tips: list[int] = []
    for percentile in percentiles:
        left = sum(weight for _, weight in paid) * percentile / 100
        reached = 0
        for tip, weight in paid:
            left, reached = left - weight, tip
            if left <= 0:
                break
        tips.append(reached)
    return tips


async def _views(context: Context, oldest: int, newest: int) -> list[BlockView]:
    views: list[BlockView] = []
    for height in range(oldest, newest + 1):
        view = await context.backend.block_at(height)
        if view is None:
            raise UnknownResource(resource=f"block {height}")
        views.append(view)
        context.charge(1)
    return views


METHODS = (
    instant_method("eth_gasPrice", NoParams, gas_price),
    instant_method("eth_maxPriorityFeePerGas", NoParams, max_priority_fee),
    method("eth_feeHistory", FeeWindow, fee_history),
)
