"""What happens and subscribers may hear of, rendered at most once however many they are."""

from dataclasses import dataclass
from functools import cached_property

from aichain.rpc.backend import Backend, BlockView, NodeStatus, Placement, TransactionView
from aichain.rpc.logs import Log, LogFilter
from aichain.rpc.price_history import PriceHistory
from aichain.rpc.render.blocks import show_block_head
from aichain.rpc.render.ethereum import logs_in, show_eth_head, show_eth_log, show_syncing
from aichain.rpc.render.notices import show_account_notice, show_vote
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.render.transactions import show_transaction_status
from aichain.rpc.rendering import Renderer
from aichain.rpc.results.blocks import BlockHead
from aichain.rpc.results.ethereum import EthHead, EthLog, SyncNotice
from aichain.rpc.results.notices import AccountNotice, VoteNotice
from aichain.rpc.results.transactions import TransactionStatus
from consensus.core.events import VoteAccepted
from genesis.units import Address
from genesis.validators import ValidatorSet
from native.hashing import Hash32
from vm.queries import account_view
from vm.receipts import touched_accounts


class FinalBlockSeen:
    """A block became final."""

    def __init__(
        self,
        backend: Backend,
        view: BlockView,
        renderer: Renderer | None = None,
        prices: PriceHistory | None = None,
    ) -> None:
        self._backend = backend
        self._renderer = renderer or Renderer()
        self._prices = prices or PriceHistory()
        self._view = view
        self._logs: tuple[Log, ...] | None = None

    async def head(self) -> BlockHead:
        return show_block_head(self._view, await self._validators())

    async def eth_head(self) -> EthHead:
        document = self._backend.head().document
        validators = await self._validators()
        base_fee = await self._prices.of_block(self._backend, self._view)
        return await self._renderer.render(
            self._view, lambda: show_eth_head(self._view, validators, document, base_fee)
        )

    async def eth_logs(self, wanted: LogFilter) -> tuple[EthLog, ...]:
        """Those that a filter wants."""
        if self._logs is None:
            document = self._backend.head().document
            validators = await self._validators()
            self._logs = await self._renderer.render(
                self._view, lambda: logs_in(self._view, validators, document)
            )
        found = tuple(filter(wanted.wants, self._logs))
        return await self._renderer.render(
            self._view, lambda: tuple(show_eth_log(self._view, log) for log in found)
        )

    async def transactions(self) -> tuple[TransactionStatus, ...]:
        """Without their raw bytes, for which a reader asks where it wants them."""
        return await self._renderer.render(self._view, self._show_transactions)

    def _show_transactions(self) -> tuple[TransactionStatus, ...]:
        header = self._view.block.header
        pairs = zip(self._view.block.transactions, self._view.receipts, strict=True)
        return tuple(
            show_transaction_status(
                TransactionView(
                    signed, Placement(header.height, header.id, index, receipt, self._view.status)
                ),
                raw=False,
            )
            for index, (signed, receipt) in enumerate(pairs)
        )

    def account(self, address: Address) -> AccountNotice | None:
        """None where the block has nothing of it. The balance is that of the newest state."""
        indices = self._touched.get(address)
        if indices is None:
            return None
        state = self._backend.head()
        return show_account_notice(
            self._view, indices, account_view(state, address), state_height=state.head.height
        )

    @cached_property
    def _touched(self) -> dict[Address, list[int]]:
        return touched_accounts(self._view.block.transactions, self._view.receipts)

    async def _validators(self) -> ValidatorSet | None:
        height = self._view.block.header.height
        return await self._backend.validator_set(height) if height else None


@dataclass(frozen=True, slots=True)
class VoteSeen:
    """The core took in a vote whose signature holds."""

    event: VoteAccepted

    def vote(self) -> VoteNotice:
        return show_vote(self.event)


@dataclass(frozen=True, slots=True)
class TransactionsSeen:
    """The mempool took these, together."""

    ids: tuple[Hash32, ...]

    def hashes(self) -> tuple[str, ...]:
        return tuple(map(show_bytes, self.ids))


@dataclass(frozen=True, slots=True)
class SyncSeen:
    """The node began or ended to sync."""

    status: NodeStatus

    def progress(self) -> SyncNotice | bool:
        """False when it has caught up, as Ethereum nodes say it."""
        return SyncNotice(True, show_syncing(self.status)) if self.status.syncing else False


Occurrence = FinalBlockSeen | VoteSeen | TransactionsSeen | SyncSeen
