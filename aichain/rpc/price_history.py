"""The base fee of final blocks: headers do not carry it, and states of old blocks are not kept.

A transaction's receipt tells what its block's was, genesis that of block 1, and the weight of a
block that of the next one. Between two payments that is far enough, unless the chain was never
used: then bounds, from the least price to the largest that can be written, meet after some blocks.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import trio

from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.errors import HistoryPruned, UnknownResource
from aichain.rpc.render.ethereum import paid_price, weight_of
from genesis.limits import RPC_BASE_FEES_CACHED, RPC_FEE_LOOKBACK_BLOCKS
from genesis.params import FeeParams
from genesis.units import U128_MAX
from vm.fees import next_base_fee


@dataclass(slots=True, eq=False)
class _Search:
    """What the blocks below one tell, for all who ask for its price meanwhile."""

    ended: trio.Event = field(default_factory=trio.Event)
    is_answered: bool = False
    """Else whoever looked was called off."""
    found: int | None = None


class PriceHistory:
    """Remembers what it found: final blocks do not change."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, int] = OrderedDict()
        self._searches: dict[int, _Search] = {}

    async def of(self, backend: Backend, views: Sequence[BlockView]) -> list[int]:
        """Of each of these neighbours, and of the block after the last one.

        Raises UnknownResource where what is kept does not tell.
        """
        params = backend.head().document.fees
        first = views[0].block.header.height
        known = paid_base_fee(views[0]) or self._known.get(first)
        if known is None:
            known = await self._told_below(backend, first)
        if known is None:
            raise UnknownResource(resource=f"base fee of block {first}")
        found = [known]
        for view in views:
            found.append(next_base_fee(params, found[-1], weight_of(view)))
        for height, base_fee in enumerate(found, first):
            self._remember(height, base_fee)
        return found

    def _remember(self, height: int, base_fee: int) -> None:
        self._known[height] = base_fee
        self._known.move_to_end(height)
        if len(self._known) > RPC_BASE_FEES_CACHED:
            self._known.popitem(last=False)

    async def of_block(self, backend: Backend, view: BlockView) -> int | None:
        """Of one block; None for block 0, and where what is kept does not tell."""
        if not view.block.header.height:
            return None
        known = self._known.get(view.block.header.height)
        if known is not None:
            return known
        try:
            return (await self.of(backend, (view,)))[0]
        except UnknownResource:
            return None

    async def _told_below(self, backend: Backend, height: int) -> int | None:
        """Hundreds of blocks may have to be read, once for all who ask at the same time."""
        while (search := self._searches.get(height)) is not None:
            await search.ended.wait()
            if search.is_answered:
                return search.found
        search = self._searches[height] = _Search()
        try:
            params = backend.head().document.fees
            below = base_fees_after(params, await self._before(backend, height), self._known)
            for above, base_fee in below.items():
                self._remember(above, base_fee)  # who asks for a neighbour need not look as far
            search.found, search.is_answered = below.get(height), True
        finally:
            del self._searches[height]
            search.ended.set()
        return search.found

    async def _before(self, backend: Backend, height: int) -> list[BlockView]:
        """The blocks below, as far down as it takes, in the order of their heights."""
        below: list[BlockView] = []
        while len(below) < RPC_FEE_LOOKBACK_BLOCKS and height > 0:
            height -= 1
            try:
                view = await backend.block_at(height)
            except HistoryPruned:
                break
            if view is None:
                break
            below.append(view)
            if height in self._known or paid_base_fee(view) is not None:
                break
        return below[::-1]


def paid_base_fee(view: BlockView) -> int | None:
    """What a payer of this block paid for a unit of weight; None in a block without payers."""
    for signed, receipt in zip(view.block.transactions, view.receipts, strict=True):
        if not signed.transaction.is_system:
            return paid_price(signed, receipt)
    return None


def base_fees_after(
    params: FeeParams, views: Sequence[BlockView], known: Mapping[int, int]
) -> dict[int, int]:
    """The base fees above each of these neighbours, by height, as far as they tell."""
    found: dict[int, int] = {}
    low, high = params.min_base_fee, U128_MAX
    for view in views:
        height = view.block.header.height
        exact = paid_base_fee(view) or known.get(height)
        if exact is not None:
            low = high = exact
        if height == 0:
            low = high = params.initial_base_fee
        else:
            weight = weight_of(view)
            low, high = (next_base_fee(params, bound, weight) for bound in (low, high))
        if low == high:
            found[height + 1] = low
    return found
