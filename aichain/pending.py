"""One pending transaction, and the chain of them that one sender has waiting."""

from dataclasses import dataclass, field
from typing import TypeAlias

from genesis.units import Address
from native.hashing import Hash32
from vm.fees import maximum_cost
from vm.transactions import VerifiedTransaction

PRICE_SCALE = 1_000_000
"""Tips are compared per million weight units: integers, and fine enough for the smallest tip."""

NOT_READY = -1
"""Below every price: what waits behind a missing nonce is the first to go."""


@dataclass(frozen=True, slots=True)
class HeadView:
    """What the pool knows of the chain: the last final block, and the price of the next."""

    height: int
    timestamp_ms: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class SenderAccount:
    """What the pool knows of a sender: its account after the last final block."""

    nonce: int
    balance: int


class Pending:
    """A pooled transaction with what the pool sorts and counts by, computed once."""

    __slots__ = (
        "added_ms",
        "cost",
        "id",
        "max_base_fee",
        "nonce",
        "order",
        "price",
        "raw_hash",
        "sender",
        "sequence",
        "signed",
        "size_bytes",
        "tip",
        "valid_until",
        "weight",
    )

    def __init__(self, signed: VerifiedTransaction, *, added_ms: int, sequence: int) -> None:
        transaction = signed.transaction
        self.signed = signed
        self.id: Hash32 = signed.id
        self.raw_hash: Hash32 = signed.raw_hash
        self.sender: Address = transaction.sender
        self.nonce: int = transaction.nonce
        self.tip: int = transaction.tip
        self.weight: int = signed.weight
        self.size_bytes: int = len(signed.raw)
        self.valid_until: int = transaction.valid_until
        self.max_base_fee: int = transaction.fee_max // self.weight
        self.price: int = self.tip * PRICE_SCALE // self.weight
        self.cost: int = maximum_cost(transaction)
        self.added_ms = added_ms
        self.sequence = sequence
        self.order: tuple[int, Hash32, Pending] = (-self.price, self.id, self)
        """Sorts the best payer first; equal payers by id, which nobody can choose cheaply."""

    def fee_at(self, base_fee: int) -> int:
        """What it pays if the next block takes it."""
        return base_fee * self.weight + self.tip


TailEntry: TypeAlias = tuple[int, int, Pending]
"""What keeping a tail is worth, its age, and itself."""


@dataclass(slots=True, eq=False)
class SenderQueue:
    """A sender's pending transactions by nonce, all together covered by its balance."""

    account: SenderAccount
    entries: dict[int, Pending] = field(default_factory=dict)
    cost: int = 0
    ready_end: int = 0
    """The first nonce that is missing: below it, everything can be included in order."""
    tail: Pending | None = None
    """The highest nonce: the only entry that may be evicted without making a gap."""
    noted_tail: "TailEntry | None" = None
    """How the pool's heap of tails knows this queue; anything else there is stale."""

    def __post_init__(self) -> None:
        self.ready_end = self.account.nonce

    def put(self, pending: Pending) -> Pending | None:
        """Add, or take the place of the same nonce; answers what was replaced."""
        replaced = self.entries.get(pending.nonce)
        self.entries[pending.nonce] = pending
        self.cost += pending.cost - (replaced.cost if replaced else 0)
        while self.ready_end in self.entries:
            self.ready_end += 1
        if self.tail is None or pending.nonce >= self.tail.nonce:
            self.tail = pending
        return replaced

    def drop(self, pending: Pending) -> None:
        del self.entries[pending.nonce]
        self.cost -= pending.cost
        self.ready_end = min(self.ready_end, max(pending.nonce, self.account.nonce))
        if pending is self.tail:
            self.tail = self.entries[max(self.entries)] if self.entries else None

    def move_to(self, account: SenderAccount) -> list[Pending]:
        """Take over the account after a block; answers what that leaves without a place."""
        self.account = account
        dropped = [entry for nonce, entry in self.entries.items() if nonce < account.nonce]
        for entry in dropped:
            self.drop(entry)
        while self.cost > account.balance and self.tail is not None:
            dropped.append(self.tail)
            self.drop(self.tail)
        self.ready_end = account.nonce
        while self.ready_end in self.entries:
            self.ready_end += 1
        return dropped

    def below(self, pending: Pending) -> Pending | None:
        """The entry that is the tail once `pending` and all above it are gone."""
        lower = [nonce for nonce in self.entries if nonce < pending.nonce]
        return self.entries[max(lower)] if lower else None

    def eviction_price(self, pending: Pending) -> int:
        """What keeping an entry is worth: nothing while a nonce before it is missing."""
        return pending.price if pending.nonce < self.ready_end else NOT_READY
