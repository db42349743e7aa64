"""Coins are conserved: by deltas in every block, by a full scan at boot and in tests (ruling 8)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from genesis.document import GenesisDocument
from genesis.units import ADDRESS_BYTES
from vm.draft import Draft
from vm.errors import SupplyBroken
from vm.records import (
    AI_POOL,
    BURNED,
    MINTED,
    STAKED,
    TREASURY,
    UNBONDING,
    VOTER_POOL,
    counter_key,
    decode_account,
    decode_amount_record,
    decode_unbondings,
    decode_validator,
)


@dataclass(frozen=True, slots=True)
class Supply:
    """Where the coins are; `total` is the left side of the invariant."""

    balances: int
    staked: int
    unbonding: int
    treasury: int
    ai_pool: int
    voter_pool: int

    @property
    def total(self) -> int:
        pools = self.treasury + self.ai_pool + self.voter_pool
        return self.balances + self.staked + self.unbonding + pools


def assert_conserved(draft: Draft) -> None:
    """balances + stakes + unbonding + pools moved by exactly minted - burned in this block.

    The left side is summed over the records that the block touched, not over what its
    transactions said they did; a difference is our bug and stops the node.
    """
    balances = staked = 0
    for address, account in draft.accounts.after.items():
        before = draft.accounts.before[address]
        if account is not None:
            balances += account.balance
            staked += account.staked
        if before is not None:
            balances -= before.balance
            staked -= before.staked
    unbonding = _unbonding_delta(draft)
    assert staked == _delta(draft, STAKED), "the staked counter is the sum of the accounts'"
    assert unbonding == _delta(draft, UNBONDING), "the unbonding counter is the sum of the lists"
    pools = sum(_delta(draft, name) for name in (TREASURY, AI_POOL, VOTER_POOL))
    created = _delta(draft, MINTED) - _delta(draft, BURNED)
    assert balances + staked + unbonding + pools == created, "coins are conserved"


def scan_supply(document: GenesisDocument, records: Iterable[tuple[bytes, bytes]]) -> Supply:
    """Sum every record of a state; SupplyBroken when the sums and counters do not agree."""
    counters: dict[bytes, int] = {}
    balances = unbonding = 0
    staked: dict[bytes, int] = defaultdict(int)
    entries: dict[bytes, int] = defaultdict(int)
    validators: dict[bytes, int] = {}
    for key, value in records:
        match key[:1]:
            case b"a":
                account = decode_account(value)
                balances += account.balance
                staked[key[1:]] += account.staked
            case b"u":
                unbonding += sum(each.amount for each in decode_unbondings(value))
            case b"s":
                entries[key[2 : 2 + ADDRESS_BYTES]] += decode_amount_record(value)
            case b"v" if len(key) == 1 + ADDRESS_BYTES:
                validators[key[1:]] = decode_validator(value).stake
            case b"z":
                counters[key] = decode_amount_record(value)
            case _:
                pass

    def counter(name: str) -> int:
        return counters.get(counter_key(name), 0)

    pools = (counter(name) for name in (TREASURY, AI_POOL, VOTER_POOL))
    supply = Supply(balances, sum(staked.values()), unbonding, *pools)
    expected = document.supply + counter(MINTED) - counter(BURNED)
    _require_equal("total", expected, supply.total)
    _require_equal("staked counter", supply.staked, counter(STAKED))
    _require_equal("unbonding counter", supply.unbonding, counter(UNBONDING))
    for owner in {*staked, *entries, *validators}:
        _require_equal("stake entries", staked[owner], entries[owner])
        _require_equal("validator stake", staked[owner], validators.get(owner, 0))
    return supply


def _unbonding_delta(draft: Draft) -> int:
    delta = 0
    for key, value in draft.records.after.items():
        before = draft.records.before[key]
        if key[:1] == b"u" and value != before:
            if value is not None:
                delta += sum(each.amount for each in decode_unbondings(value))
            if before is not None:
                delta -= sum(each.amount for each in decode_unbondings(before))
    return delta


def _delta(draft: Draft, name: str) -> int:
    after = draft.counter(name)
    return after - draft.counters.before[name]


def _require_equal(what: str, expected: int, given: int) -> None:
    if expected != given:
        raise SupplyBroken(what, expected, given)
