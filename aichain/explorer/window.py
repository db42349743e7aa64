"""The last final blocks in memory: what live tables begin with and charts are drawn from."""

from collections import OrderedDict, deque

from aichain.errors import ReaderLagged, StoreCorrupt, StoreFailed
from aichain.rpc.backend import Backend, BlockView
from aichain.rpc.block_pace import finality_ms
from aichain.rpc.errors import HistoryPruned
from aichain.rpc.render.texts import proposer_of, show_address, show_bytes
from aichain.rpc.results.result import AddressHex, AmountText, Count, HashHex, Result
from genesis.limits import EXPLORER_BACKFILL_BLOCKS, EXPLORER_WINDOW_BLOCKS
from genesis.validators import ValidatorSet
from native.hashing import Hash32
from vm.blocks import Header

_SETS_KEPT = 4


class RecentBlock(Result, frozen=True, kw_only=True):
    """A final block and how it came about."""

    height: Count
    hash: HashHex
    epoch: Count
    view: Count
    timestamp_ms: Count
    finalized_at_ms: Count | None
    """None where the block was taken by sync: nobody here saw it become final."""
    proposer: AddressHex | None
    transaction_count: Count
    weight: Count
    tips: AmountText
    fees_burned: AmountText

    @property
    def finality_ms(self) -> int | None:
        """From the block's timestamp until this node knew it final."""
        return finality_ms(self)


def recent_block(view: BlockView, validators: ValidatorSet | None) -> RecentBlock:
    header, receipts = view.block.header, view.receipts
    return RecentBlock(
        height=header.height,
        hash=show_bytes(header.id),
        epoch=header.epoch,
        view=header.view,
        timestamp_ms=header.timestamp_ms,
        finalized_at_ms=view.finalized_at_ms,
        proposer=show_address(proposer_of(header, validators)),
        transaction_count=len(view.block.transactions),
        weight=sum(signed.weight for signed in view.block.transactions),
        tips=str(sum(receipt.tip for receipt in receipts)),
        fees_burned=str(sum(receipt.fee_burned for receipt in receipts)),
    )


class BlockWindow:
    """Follows the node's final blocks; the oldest are forgotten."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._blocks: deque[RecentBlock] = deque(maxlen=EXPLORER_WINDOW_BLOCKS)
        self._sets: OrderedDict[Hash32, ValidatorSet] = OrderedDict()

    def newest(self, count: int) -> list[RecentBlock]:
        """At most so many, the newest first."""
        blocks = self._blocks
        return [blocks[-number] for number in range(1, min(count, len(blocks)) + 1)]

    def all(self) -> list[RecentBlock]:
        """The oldest first; heights that were missed while syncing are left out."""
        return list(self._blocks)

    async def run(self) -> None:
        """Until the node closes its feed."""
        while True:
            with self._backend.final_blocks() as blocks:
                await self._read_back()
                try:
                    async for view in blocks:
                        await self._add(view)
                except ReaderLagged:
                    continue
                return

    async def _read_back(self) -> None:
        """The last blocks from the disk, as far as they are kept there."""
        head = self._backend.status().height
        known = self._blocks[-1].height if self._blocks else -1
        for height in range(max(0, known + 1, head - EXPLORER_BACKFILL_BLOCKS), head + 1):
            try:
                view = await self._backend.block_at(height)
            except (HistoryPruned, StoreCorrupt, StoreFailed):
                continue
            if view is not None:
                await self._add(view)

    async def _add(self, view: BlockView) -> None:
        header = view.block.header
        if self._blocks and header.height <= self._blocks[-1].height:
            return
        self._blocks.append(recent_block(view, await self._validators(header)))

    async def _validators(self, header: Header) -> ValidatorSet | None:
        if not header.height:
            return None
        known = self._sets.get(header.vset_hash)
        if known is None:
            try:
                known = await self._backend.validator_set(header.height)
            except (HistoryPruned, StoreCorrupt, StoreFailed):
                return None
            if known is not None:
                self._sets[header.vset_hash] = known
                while len(self._sets) > _SETS_KEPT:
                    self._sets.popitem(last=False)
        return known
