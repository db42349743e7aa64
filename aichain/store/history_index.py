"""Account to its final transactions, the newest first: what a page shows, and who keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.location import Location
from genesis.units import Address
from native.hashing import Hash32
from vm.blocks import Block
from vm.bodies import Kind, Stake, Transfer, Unstake
from vm.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction as a history shows it; whoever wants more looks it up by its id."""

    location: Location
    tx_id: Hash32
    kind: Kind
    sender: Address
    to: Address | None
    """Who got coins or stake; None where nobody did."""
    amount: int
    fee_burned: int
    tip: int
    error: str
    """The rule it broke; empty where it broke none."""
    timestamp_ms: int


class HistoryIndex(Protocol):
    """One writer, on one thread; readers may be on others. Its trouble never stops a node.

    It holds what belongs to the blocks from `first` to `height`, and nothing else.
    """

    failed: str
    """Why it answers nothing, for everybody to read; empty while all is well."""
    first: int
    """The lowest block whose transactions are here."""
    height: int
    """The highest; 0 where there is none yet."""

    @property
    def cause(self) -> str:
        """The same for the operator, with all that is known; no secret is in it."""
        ...

    @property
    def is_mendable(self) -> bool:
        """Whether `reopen` may end its trouble; else only the next start does."""
        ...

    def page(self, address: Address, before: Location | None, limit: int) -> tuple[Entry, ...]:
        """The newest entries of an account below `before`. Raises StoreCorrupt, StoreFailed."""
        ...

    def may_add(self) -> bool:
        """Whether it is ours to write; one that others write is brought up to date instead."""
        ...

    def add(self, blocks: Sequence[tuple[Block, Sequence[Receipt]]]) -> None:
        """The blocks that follow `height`, in order; after `may_add` alone."""
        ...

    def start_at(self, first: int) -> None:
        """Blocks below `first` are not kept, or never were; what is here of them goes, too."""
        ...

    def give_up(self, error: StoreCorrupt | StoreFailed) -> None:
        """Nothing is answered any more, until it is mended."""
        ...

    def reopen(self) -> bool:
        """After a failure: whether it is well again."""
        ...

    def close(self) -> None: ...


def entry_of(block: Block, receipts: Sequence[Receipt], index: int) -> Entry:
    """What the block at `index` says, with what came of it."""
    signed, receipt = block.transactions[index], receipts[index]
    transaction = signed.transaction
    to: Address | None = None
    amount = 0
    match transaction.body:
        case Transfer() as body:
            to, amount = body.to, body.amount
        case (Stake() | Unstake()) as body:
            to, amount = body.target, body.amount
    return Entry(
        location=Location(block.header.height, index),
        tx_id=signed.id,
        kind=transaction.kind,
        sender=transaction.sender,
        to=to,
        amount=amount,
        fee_burned=receipt.fee_burned,
        tip=receipt.tip,
        error=receipt.error,
        timestamp_ms=block.header.timestamp_ms,
    )
