"""The mempool agrees with a model that recomputes everything, step by step."""

from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aichain.errors import NotPooled
from aichain.mempool import Mempool
from aichain.pending import NOT_READY, PRICE_SCALE, HeadView, SenderAccount
from genesis import limits
from genesis.units import Address
from tests.unit.aichain.pooled import Terms, address, make_transaction
from vm.fees import maximum_cost
from vm.transactions import VerifiedTransaction

SENDERS = st.integers(1, 4)
SIZES = st.sampled_from([3_000, 3_500, 9_000])
TIPS = st.sampled_from([0, 10, 50_000, 10**6, 2 * 10**6])


Entry: TypeAlias = tuple[VerifiedTransaction, int, int]
"""A transaction, the number of its admission, and when it was admitted."""


class Model:
    """By definition: lists, sorted anew whenever something is asked."""

    def __init__(self, max_weight: int) -> None:
        self.max_weight = max_weight
        self.entries: list[Entry] = []
        self.accounts: dict[Address, SenderAccount] = {}
        self.admissions = 0

    def of(self, sender: Address) -> list[Entry]:
        mine = [e for e in self.entries if e[0].transaction.sender == sender]
        return sorted(mine, key=lambda e: e[0].transaction.nonce)

    def price(self, signed: VerifiedTransaction) -> int:
        return signed.transaction.tip * PRICE_SCALE // signed.weight

    def worth(self, signed: VerifiedTransaction, entries: list[Entry]) -> int:
        nonce = self.accounts[signed.transaction.sender].nonce
        held = {
            e[0].transaction.nonce
            for e in entries
            if e[0].transaction.sender == signed.transaction.sender
        } | {signed.transaction.nonce}
        while nonce in held and nonce <= signed.transaction.nonce:
            nonce += 1
        return self.price(signed) if nonce > signed.transaction.nonce else NOT_READY

    def weight(self, entries: list[Entry] | None = None) -> int:
        return sum(e[0].weight for e in (self.entries if entries is None else entries))

    def add(
        self, signed: VerifiedTransaction, account: SenderAccount, head: HeadView
    ) -> list[VerifiedTransaction] | None:
        """The entries evicted or replaced; None when it is refused."""
        transaction = signed.transaction
        sender = transaction.sender
        if any(e[0].transaction.sender == sender for e in self.entries):
            self.refresh(sender, account)
        self.accounts[sender] = account
        mine = self.of(sender)
        base = head.base_fee * signed.weight
        fullness = max(
            1_000 * self.weight() // self.max_weight,
            1_000 * sum(len(e[0].raw) for e in self.entries) // limits.MEMPOOL_BYTES,
        )
        floor = head.base_fee * PRICE_SCALE * max(0, fullness - 750) // 250
        old = [e for e in mine if e[0].transaction.nonce == transaction.nonce]
        cost = sum(maximum_cost(e[0].transaction) for e in mine if e not in old)
        if (
            any(e[0].id == signed.id for e in self.entries)
            or transaction.tip < floor * signed.weight // PRICE_SCALE
            or cost + maximum_cost(transaction) > account.balance
        ):
            return None
        if old:
            before = head.base_fee * old[0][0].weight + old[0][0].transaction.tip
            if 10 * (base + transaction.tip) < 11 * before:
                return None
        left = [e for e in self.entries if e not in old]
        worth = self.worth(signed, left)
        evicted = []
        while self.weight(left) + signed.weight > self.max_weight:
            victim = self.cheapest_tail(left, spared=sender)
            if victim is None or self.worth(victim[0], left) >= worth:
                return None
            left.remove(victim)
            evicted.append(victim)
        self.admissions += 1
        self.entries = [*left, (signed, self.admissions, head.timestamp_ms)]
        return [e[0] for e in evicted + old]

    def cheapest_tail(self, entries: list[Entry], spared: Address) -> Entry | None:
        tails: dict[Address, Entry] = {}
        for entry in entries:
            sender = entry[0].transaction.sender
            top = tails.get(sender)
            if sender != spared and (
                top is None or entry[0].transaction.nonce > top[0].transaction.nonce
            ):
                tails[sender] = entry
        ranked = sorted(tails.values(), key=lambda e: (self.worth(e[0], entries), -e[1]))
        return ranked[0] if ranked else None

    def select(self, max_weight: int, base_fee: int) -> list[VerifiedTransaction]:
        nonces = {s: a.nonce for s, a in self.accounts.items()}
        chosen: list[VerifiedTransaction] = []
        while True:
            heads = [
                e[0]
                for e in self.entries
                if e[0].transaction.nonce == nonces.get(e[0].transaction.sender)
            ]
            if not heads:
                return chosen
            best = min(heads, key=lambda s: (-self.price(s), s.id))
            sender = best.transaction.sender
            if best.weight > max_weight or best.transaction.fee_max // best.weight < base_fee:
                del nonces[sender]
                continue
            chosen.append(best)
            max_weight -= best.weight
            nonces[sender] += 1

    def refresh(self, sender: Address, account: SenderAccount) -> None:
        self.accounts[sender] = account
        for entry in self.of(sender):
            if entry[0].transaction.nonce < account.nonce:
                self.entries.remove(entry)
        while sum(maximum_cost(e[0].transaction) for e in self.of(sender)) > account.balance:
            self.entries.remove(self.of(sender)[-1])

    def expire(self, head: HeadView) -> None:
        self.entries = [
            e
            for e in self.entries
            if e[0].transaction.valid_until > head.height
            and e[2] >= head.timestamp_ms - limits.MEMPOOL_TTL_MS
        ]


class PoolAgreesWithModel(RuleBasedStateMachine):
    @initialize(room=st.sampled_from([15_000, 40_000]))
    def start(self, room: int) -> None:
        self.pool = Mempool(max_weight=room)
        self.model = Model(room)
        self.head = HeadView(height=1, timestamp_ms=1_000_000, base_fee=10)
        self.accounts = {address(n): SenderAccount(0, 4 * 10**6) for n in range(1, 5)}

    @rule(
        sender=SENDERS,
        nonce=st.integers(0, 5),
        tip=TIPS,
        fee_max=st.sampled_from([10**5, 5 * 10**5]),
        life=st.integers(1, 6),
        size_bytes=SIZES,
    )
    def add(
        self, sender: int, nonce: int, tip: int, fee_max: int, life: int, size_bytes: int
    ) -> None:
        account = self.accounts[address(sender)]
        terms = Terms(
            nonce=account.nonce + nonce,
            tip=tip,
            fee_max=fee_max,
            valid_until=self.head.height + life,
            size_bytes=size_bytes,
        )
        signed = make_transaction(sender, terms)
        expected = self.model.add(signed, account, self.head)
        if expected is None:
            with pytest.raises(NotPooled):
                self.pool.add(signed, account, self.head)
        else:
            assert list(self.pool.add(signed, account, self.head)) == expected

    @rule(share=st.integers(1, 30_000), fee=st.integers(5, 30))
    def finalize_a_block(self, share: int, fee: int) -> None:
        """Include what is selected, as a proposer does, and move the head."""
        chosen = self.pool.select(share, self.head.base_fee)
        for signed in chosen:
            sender = signed.transaction.sender
            account = self.accounts[sender]
            assert signed.transaction.nonce == account.nonce
            self.accounts[sender] = SenderAccount(account.nonce + 1, account.balance)
        self.head = HeadView(self.head.height + 1, self.head.timestamp_ms + 500, fee)
        self.pool.apply_block(chosen, lambda sender: self.accounts[sender])
        for sender in {signed.transaction.sender for signed in chosen}:
            self.model.refresh(sender, self.accounts[sender])
        self.pool.expire(self.head)
        self.model.expire(self.head)

    @rule(sender=SENDERS, balance=st.sampled_from([0, 10**6, 4 * 10**6]))
    def balance_changes(self, sender: int, balance: int) -> None:
        who = address(sender)
        self.accounts[who] = SenderAccount(self.accounts[who].nonce, balance)
        self.pool.refresh([who], lambda _: self.accounts[who])
        self.model.refresh(who, self.accounts[who])

    @rule(wait_ms=st.sampled_from([1_000, limits.MEMPOOL_TTL_MS // 2]))
    def time_passes(self, wait_ms: int) -> None:
        self.head = HeadView(self.head.height, self.head.timestamp_ms + wait_ms, self.head.base_fee)
        self.pool.expire(self.head)
        self.model.expire(self.head)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert {e[0].id for e in self.model.entries} == {
            signed.id for signed in self.pool.best(1_000)
        }
        stats = self.pool.stats
        assert stats.transactions == len(self.model.entries)
        assert stats.weight == self.model.weight() <= self.model.max_weight
        assert stats.size_bytes == sum(len(e[0].raw) for e in self.model.entries)
        assert stats.senders == len({e[0].transaction.sender for e in self.model.entries})
        for entry in self.model.entries:
            assert self.pool.get(entry[0].id) is entry[0]

    @invariant()
    def both_select_the_same(self) -> None:
        for weight in (4_500, 20_000, 10**9):
            chosen = self.pool.select(weight, self.head.base_fee)
            assert chosen == self.model.select(weight, self.head.base_fee)
            assert sum(signed.weight for signed in chosen) <= weight


TestPoolAgreesWithModel = PoolAgreesWithModel.TestCase
TestPoolAgreesWithModel.settings = settings(max_examples=150, stateful_step_count=40)
