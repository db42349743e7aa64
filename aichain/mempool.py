"""Pending transactions: who may wait, who is taken first, who has to go; time is an argument."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass

from aichain.errors import (
    AlreadyPending,
    MempoolFull,
    PendingNotCovered,
    PreviouslyRejected,
    ReplacementUnderpriced,
    SenderQueueFull,
    TipBelowFloor,
)
from aichain.pending import (
    NOT_READY,
    PRICE_SCALE,
    HeadView,
    Pending,
    SenderAccount,
    SenderQueue,
    TailEntry,
)
from genesis import limits
from genesis.units import Address
from native.hashing import Hash32
from vm.fees import maximum_cost
from vm.transactions import SignedTransaction, VerifiedTransaction

_STALE_TAILS = 1_024


@dataclass(frozen=True, slots=True)
class MempoolStats:
    """What the metrics and the RPC show."""

    transactions: int
    senders: int
    weight: int
    size_bytes: int


class Mempool:
    """Owned by one task. Holds verified transactions only; the reject cache goes by BLAKE3(raw).

    The id of a transaction leaves out its witness, so refusing by id would let a copy with a bad
    signature keep the good one out.
    """

    def __init__(self, *, max_weight: int, max_bytes: int = limits.MEMPOOL_BYTES) -> None:
        """`max_weight`: ten blocks' worth, by the parameters of the chain."""
        self._max_weight = max_weight
        self._max_bytes = max_bytes
        self._by_id: OrderedDict[Hash32, Pending] = OrderedDict()  # oldest admission first
        self._queues: dict[Address, SenderQueue] = {}
        self._by_expiry: dict[int, set[Hash32]] = {}
        self._tails: list[TailEntry] = []  # heap; stale entries are skipped
        self._rejected: OrderedDict[Hash32, None] = OrderedDict()
        self._included: OrderedDict[Hash32, None] = OrderedDict()
        self._sequence = 0
        self._weight = 0
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, tx_id: Hash32) -> bool:
        return tx_id in self._by_id

    @property
    def stats(self) -> MempoolStats:
        return MempoolStats(len(self._by_id), len(self._queues), self._weight, self._size_bytes)

    def get(self, tx_id: Hash32) -> VerifiedTransaction | None:
        """For rebuilding a block from the ids in its proposal, and for peers that ask."""
        pending = self._by_id.get(tx_id)
        return pending.signed if pending else None

    def knows(self, tx_id: Hash32) -> bool:
        """Pooled, or in a block not long ago: an announcement of it needs no answer."""
        return tx_id in self._by_id or tx_id in self._included

    def next_nonce(self, sender: Address, account_nonce: int) -> int:
        """The first nonce that `sender` has not used, its pending transactions counted."""
        queue = self._queues.get(sender)
        return max(account_nonce, queue.ready_end) if queue else account_nonce

    def best(self, limit: int) -> tuple[VerifiedTransaction, ...]:
        """The best payers, whether or not they can be included next."""
        orders = heapq.nsmallest(limit, (pending.order for pending in self._by_id.values()))
        return tuple(pending.signed for _, _, pending in orders)

    def require_unknown(self, signed: SignedTransaction) -> None:
        """Raise AlreadyPending or PreviouslyRejected."""
        if signed.id in self._by_id:
            raise AlreadyPending(tx_id=signed.id)
        if signed.raw_hash in self._rejected:
            raise PreviouslyRejected(raw_hash=signed.raw_hash)

    def check(self, signed: SignedTransaction, sender: SenderAccount, head: HeadView) -> None:
        """Raise the NotPooled that `add` would raise, as far as it shows without making room.

        The rules of the ledger are vm's `check_transaction`, which comes first. Both are cheap
        and come before the signature is verified.
        """
        self.require_unknown(signed)
        required_tip = self.floor(head.base_fee) * signed.weight // PRICE_SCALE
        if signed.transaction.tip < required_tip:
            raise TipBelowFloor(required_tip=required_tip, tip=signed.transaction.tip)
        self._check_queue(signed, sender, head)

    def add(
        self, signed: VerifiedTransaction, sender: SenderAccount, head: HeadView
    ) -> tuple[VerifiedTransaction, ...]:
        """Pool a transaction whose witness has been verified; answers what had to make room.

        It has passed vm's `check_transaction` on this head. Raises a NotPooled when there is no
        place for it, and then makes no room either.
        """
        address = signed.transaction.sender
        assert signed.transaction.nonce >= sender.nonce, "vm refuses a used nonce"
        assert signed.transaction.valid_until > head.height, "vm refuses what has expired"
        known = self._queues.get(address)
        if known is not None and known.account != sender:
            self.refresh([address], lambda _: sender)
        self.check(signed, sender, head)
        self._sequence += 1
        pending = Pending(signed, added_ms=head.timestamp_ms, sequence=self._sequence)
        queue = self._queues.get(address) or SenderQueue(sender)
        replaced = queue.entries.get(pending.nonce)
        removed = self._victims(pending, queue, replaced)
        for victim in removed:
            self._remove(victim)
        if replaced is not None:
            self._forget(replaced)
            removed.append(replaced)
        self._queues[address] = queue
        queue.put(pending)
        self._by_id[pending.id] = pending
        self._by_expiry.setdefault(pending.valid_until, set()).add(pending.id)
        self._weight += pending.weight
        self._size_bytes += pending.size_bytes
        self._note_tail(queue)
        return tuple(entry.signed for entry in removed)

    def reject(self, raw_hash: Hash32) -> None:
        """Remember bytes whose witness did not verify, so that they are not verified again."""
        _remember(self._rejected, raw_hash, limits.MEMPOOL_REJECT_CACHE)

    def select(
        self,
        max_weight: int,
        base_fee: int,
        *,
        nonces: Mapping[Address, int] | None = None,
    ) -> list[VerifiedTransaction]:
        """The best payers that fit, each sender's in nonce order without a gap.

        `nonces` tells where senders stand after blocks that are executed but not final yet.
        """
        heads = self._ready_heads(nonces or {})
        chosen: list[VerifiedTransaction] = []
        misfits = 0
        while heads and misfits < limits.MEMPOOL_SELECT_MISFITS:
            pending = heads[0][2]
            if pending.weight > max_weight or pending.max_base_fee < base_fee:
                misfits += 1
                heapq.heappop(heads)
                continue
            chosen.append(pending.signed)
            max_weight -= pending.weight
            follower = self._queues[pending.sender].entries.get(pending.nonce + 1)
            if follower is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, follower.order)
        return chosen

    def apply_block(
        self,
        included: Iterable[SignedTransaction],
        account_of: Callable[[Address], SenderAccount],
    ) -> tuple[VerifiedTransaction, ...]:
        """After a final block: forget what it holds, and what its senders can no longer do.

        `account_of` reads the state after the block. Answers what was dropped without being
        included: its nonce was used by another transaction, or its sender cannot cover it now.
        """
        touched: dict[Address, None] = {}
        for signed in included:
            touched[signed.transaction.sender] = None
            _remember(self._included, signed.id, limits.MEMPOOL_INCLUDED_CACHE)
        dropped = self.refresh(touched, account_of)
        return tuple(signed for signed in dropped if signed.id not in self._included)

    def refresh(
        self, senders: Iterable[Address], account_of: Callable[[Address], SenderAccount]
    ) -> tuple[VerifiedTransaction, ...]:
        """Compare these senders' queues with their accounts; answers what had to go."""
        dropped: list[Pending] = []
        for address in senders:
            queue = self._queues.get(address)
            if queue is None:
                continue
            gone = queue.move_to(account_of(address))
            for pending in gone:
                self._forget(pending)
            dropped.extend(gone)
            self._note_tail(queue)
            if not queue.entries:
                del self._queues[address]
        return tuple(pending.signed for pending in dropped)

    def expire(self, head: HeadView) -> tuple[VerifiedTransaction, ...]:
        """Drop what no later block may hold, and what has waited longer than an hour."""
        late = [height for height in self._by_expiry if height <= head.height]
        gone = [self._by_id[tx_id] for height in sorted(late) for tx_id in self._by_expiry[height]]
        for pending in gone:
            self._remove(pending)
        oldest_ms = head.timestamp_ms - limits.MEMPOOL_TTL_MS
        while self._by_id:
            oldest = next(iter(self._by_id.values()))
            if oldest.added_ms >= oldest_ms:
                break
            self._remove(oldest)
            gone.append(oldest)
        return tuple(pending.signed for pending in gone)

    def floor(self, base_fee: int) -> int:
        """The price asked for, per million weight units.

        Nothing up to three quarters full, then rising to the base fee at full: filling the pool
        doubles what it costs to stay in it.
        """
        fullest = max(
            1_000 * self._weight // self._max_weight, 1_000 * self._size_bytes // self._max_bytes
        )
        above = max(0, fullest - limits.MEMPOOL_FLOOR_FROM_PERMILLE)
        return base_fee * PRICE_SCALE * above // (1_000 - limits.MEMPOOL_FLOOR_FROM_PERMILLE)

    def _check_queue(
        self, signed: SignedTransaction, sender: SenderAccount, head: HeadView
    ) -> None:
        transaction = signed.transaction
        queue = self._queues.get(transaction.sender)
        replaced = queue.entries.get(transaction.nonce) if queue else None
        if replaced is not None:
            fee = head.base_fee * signed.weight + transaction.tip
            required = -(-11 * replaced.fee_at(head.base_fee) // 10)
            if fee < max(required, replaced.fee_at(head.base_fee) + 1):
                raise ReplacementUnderpriced(required_fee=required, fee=fee)
        elif queue and len(queue.entries) >= limits.MEMPOOL_PER_SENDER:
            raise SenderQueueFull(limit=limits.MEMPOOL_PER_SENDER)
        cost = maximum_cost(transaction)
        others = (queue.cost if queue else 0) - (replaced.cost if replaced else 0)
        if others + cost > sender.balance:
            raise PendingNotCovered(required=others + cost, available=sender.balance)

    def _victims(
        self, pending: Pending, queue: SenderQueue, replaced: Pending | None
    ) -> list[Pending]:
        """The cheapest tails whose room `pending` needs and pays more for; MempoolFull if none."""
        freed_weight, freed_bytes = (replaced.weight, replaced.size_bytes) if replaced else (0, 0)
        weight = self._weight + pending.weight - freed_weight - self._max_weight
        size_bytes = self._size_bytes + pending.size_bytes - freed_bytes - self._max_bytes
        worth = pending.price if pending.nonce <= queue.ready_end else NOT_READY
        victims: list[Pending] = []
        with closing(self._tails_upwards(spared=pending.sender)) as tails:
            while weight > 0 or size_bytes > 0:
                price, victim = next(tails, (worth, None))
                if victim is None or price >= worth:
                    raise MempoolFull(transactions=len(self), size_bytes=self._size_bytes)
                victims.append(victim)
                weight -= victim.weight
                size_bytes -= victim.size_bytes
        return victims

    def _tails_upwards(self, *, spared: Address) -> Generator[tuple[int, Pending], None, None]:
        """Tails from the cheapest up, as if each were evicted before the next; changes nothing.

        The sender who wants the room is spared: its own tail may be what it builds on.
        """
        popped: list[TailEntry] = []
        beneath: list[TailEntry] = []
        try:
            while True:
                top = self._cheapest_tail()
                if beneath and (top is None or beneath[0] < top):
                    entry = heapq.heappop(beneath)
                elif top is not None:
                    entry = heapq.heappop(self._tails)
                    popped.append(entry)
                else:
                    return
                victim = entry[2]
                if victim.sender == spared:
                    continue
                yield entry[0], victim
                queue = self._queues[victim.sender]
                lower = queue.below(victim)
                if lower is not None:
                    heapq.heappush(beneath, _tail_entry(queue, lower))
        finally:
            for entry in popped:
                heapq.heappush(self._tails, entry)

    def _cheapest_tail(self) -> TailEntry | None:
        while self._tails:
            entry = self._tails[0]
            queue = self._queues.get(entry[2].sender)
            if queue is not None and queue.noted_tail == entry:
                return entry
            heapq.heappop(self._tails)
        return None

    def _note_tail(self, queue: SenderQueue) -> None:
        """Keep the heap of tails true after a change to this queue."""
        entry = _tail_entry(queue, queue.tail) if queue.tail is not None else None
        if entry == queue.noted_tail:
            return
        queue.noted_tail = entry
        if entry is not None:
            heapq.heappush(self._tails, entry)
        if len(self._tails) > 4 * len(self._queues) + _STALE_TAILS:
            self._tails = [q.noted_tail for q in self._queues.values() if q.noted_tail is not None]
            heapq.heapify(self._tails)

    def _remove(self, pending: Pending) -> None:
        queue = self._queues[pending.sender]
        queue.drop(pending)
        self._forget(pending)
        self._note_tail(queue)
        if not queue.entries:
            del self._queues[pending.sender]

    def _forget(self, pending: Pending) -> None:
        """Out of every index but its sender's queue."""
        del self._by_id[pending.id]
        expiring = self._by_expiry[pending.valid_until]
        expiring.discard(pending.id)
        if not expiring:
            del self._by_expiry[pending.valid_until]
        self._weight -= pending.weight
        self._size_bytes -= pending.size_bytes

    def _ready_heads(self, nonces: Mapping[Address, int]) -> list[tuple[int, Hash32, Pending]]:
        heads = []
        for address, queue in self._queues.items():
            nonce = queue.account.nonce
            if nonces:
                nonce = nonces.get(address, nonce)
            head = queue.entries.get(nonce)
            if head is not None:
                heads.append(head.order)
        heapq.heapify(heads)
        return heads


def _tail_entry(queue: SenderQueue, pending: Pending) -> TailEntry:
    """Sorts what goes first: the cheapest, and the latest of the equally cheap."""
    return queue.eviction_price(pending), -pending.sequence, pending


def _remember(cache: OrderedDict[Hash32, None], key: Hash32, limit: int) -> None:
    cache[key] = None
    if len(cache) > limit:
        cache.popitem(last=False)
