"""The mempool keeps its limits, its order and its promises to senders."""

from dataclasses import replace

import pytest

import vm.errors
from aichain.errors import (
    AlreadyPending,
    MempoolFull,
    NotPooled,
    PendingNotCovered,
    PreviouslyRejected,
    ReplacementUnderpriced,
    SenderQueueFull,
    TipBelowFloor,
)
from aichain.mempool import Mempool
from aichain.pending import HeadView, SenderAccount
from genesis import limits
from native.hashing import Hash32
from tests.unit.aichain.pooled import HEAD, RICH, Terms, address, make_transaction
from vm.fees import maximum_cost
from vm.transactions import VerifiedTransaction

ROOMY = 10**12
WEIGHT = make_transaction(1, Terms()).weight


def pool_for(transactions: int) -> Mempool:
    """A pool with room for this many standard transactions."""
    return Mempool(max_weight=transactions * WEIGHT)


def add(
    pool: Mempool,
    sender: int,
    terms: Terms | None = None,
    *,
    account: SenderAccount = RICH,
    head: HeadView = HEAD,
) -> VerifiedTransaction:
    signed = make_transaction(sender, terms or Terms())
    pool.add(signed, account, head)
    return signed


def of_sender(pool: Mempool, sender: int) -> tuple[VerifiedTransaction, ...]:
    """A sender's pending transactions by nonce."""
    found = (each for each in pool.best(len(pool)) if each.transaction.sender == address(sender))
    return tuple(sorted(found, key=lambda each: each.transaction.nonce))


def test_a_pooled_transaction_is_found_by_id() -> None:
    pool = pool_for(10)
    signed = add(pool, 1)
    assert pool.get(signed.id) is signed
    assert signed.id in pool
    assert len(pool) == 1
    assert pool.stats.weight == signed.weight
    assert pool.stats.size_bytes == len(signed.raw)


def test_the_same_transaction_with_another_witness_is_already_pending() -> None:
    pool = pool_for(10)
    add(pool, 1)
    copy = make_transaction(1, Terms(witness=b"another signature"))
    with pytest.raises(AlreadyPending):
        pool.add(copy, RICH, HEAD)
    kept = pool.get(copy.id)
    assert kept is not None
    assert kept.raw_hash != copy.raw_hash


def test_a_bad_copy_does_not_keep_the_good_one_out() -> None:
    pool = pool_for(10)
    bad = make_transaction(1, Terms(witness=b"forged"))
    pool.reject(bad.raw_hash)
    with pytest.raises(PreviouslyRejected):
        pool.check(bad, RICH, HEAD)
    good = make_transaction(1, Terms())
    assert good.id == bad.id
    pool.add(good, RICH, HEAD)
    assert pool.get(good.id) is good


def test_the_reject_cache_is_bounded() -> None:
    pool = pool_for(10)
    first = make_transaction(1, Terms())
    pool.reject(first.raw_hash)
    for number in range(limits.MEMPOOL_REJECT_CACHE):
        pool.reject(Hash32(number.to_bytes(32, "big")))
    pool.check(first, RICH, HEAD)


@pytest.mark.parametrize("terms", [Terms(nonce=4), Terms(nonce=5, valid_until=100)])
def test_what_the_ledger_refuses_never_gets_here(terms: Terms) -> None:
    with pytest.raises(AssertionError):
        add(pool_for(10), 1, terms, account=SenderAccount(nonce=5, balance=10**24))


def test_no_refusal_of_the_pool_has_a_name_of_the_ledgers() -> None:
    pools = {each.__name__ for each in NotPooled.__subclasses__()}
    assert "MempoolFull" in pools
    assert not pools & {name for name in vars(vm.errors) if not name.startswith("_")}


def test_a_balance_is_spent_to_the_last_unit_and_not_further() -> None:
    pool = pool_for(10)
    cost = maximum_cost(make_transaction(1, Terms()).transaction)
    with pytest.raises(PendingNotCovered):
        add(pool, 1, account=SenderAccount(0, cost - 1))
    add(pool, 1, account=SenderAccount(0, cost))
    assert len(pool) == 1


def test_a_senders_pending_transactions_are_covered_together() -> None:
    pool = pool_for(10)
    cost = maximum_cost(make_transaction(1, Terms()).transaction)
    account = SenderAccount(nonce=0, balance=2 * cost)
    add(pool, 1, Terms(nonce=0), account=account)
    add(pool, 1, Terms(nonce=1), account=account)
    with pytest.raises(PendingNotCovered) as caught:
        add(pool, 1, Terms(nonce=2), account=account)
    assert caught.value.required == 3 * cost
    assert caught.value.available == 2 * cost


def test_one_sender_may_have_64_pending() -> None:
    pool = pool_for(100)
    account = SenderAccount(nonce=0, balance=10**24)
    for nonce in range(64):
        add(pool, 1, Terms(nonce=nonce), account=account)
    moved = SenderAccount(nonce=1, balance=10**24)  # its block is not applied to the pool yet
    with pytest.raises(SenderQueueFull):
        pool.check(make_transaction(1, Terms(nonce=64)), moved, HEAD)
    add(pool, 1, Terms(nonce=64), account=moved)
    assert [s.transaction.nonce for s in of_sender(pool, 1)] == list(range(1, 65))


def test_replacing_costs_a_tenth_more_of_the_whole_fee() -> None:
    pool = pool_for(10)
    old = add(pool, 1, Terms(tip=0))
    fee = HEAD.base_fee * WEIGHT
    with pytest.raises(ReplacementUnderpriced) as caught:
        add(pool, 1, Terms(tip=fee // 10 - 1))
    assert caught.value.required_fee == fee + fee // 10
    new = add(pool, 1, Terms(tip=fee // 10))
    assert old.id not in pool
    assert len(pool) == 1
    assert pool.select(ROOMY, HEAD.base_fee) == [new]


def test_a_replacement_fits_where_the_old_one_was_paid_for() -> None:
    pool = pool_for(1)
    cost = maximum_cost(make_transaction(1, Terms()).transaction)
    account = SenderAccount(nonce=0, balance=cost + 60_000)
    add(pool, 1, account=account)
    add(pool, 1, Terms(tip=60_000), account=account)
    assert len(pool) == 1


def test_selection_takes_the_best_payer_first_and_never_skips_a_nonce() -> None:
    pool = pool_for(10)
    cheap_first = add(pool, 1, Terms(nonce=0, tip=10))
    rich_second = add(pool, 1, Terms(nonce=1, tip=10**6))
    middle = add(pool, 2, Terms(tip=1_000))
    gapped = add(pool, 3, Terms(nonce=1, tip=10**7))
    chosen = pool.select(ROOMY, HEAD.base_fee)
    assert chosen == [middle, cheap_first, rich_second]
    assert gapped not in chosen
    filler = add(pool, 3, Terms(nonce=0, tip=0))
    assert pool.select(ROOMY, HEAD.base_fee) == [middle, cheap_first, rich_second, filler, gapped]


def test_selection_leaves_the_pool_as_it_was() -> None:
    pool = pool_for(10)
    for sender in range(5):
        add(pool, sender, Terms(tip=sender))
    assert pool.select(ROOMY, 10) == pool.select(ROOMY, 10)
    assert len(pool) == 5


def test_selection_keeps_to_the_weight() -> None:
    pool = pool_for(10)
    large = add(pool, 1, Terms(tip=10**9, size_bytes=10_000))
    small = add(pool, 2, Terms(tip=1))
    assert pool.select(large.weight, 10) == [large]
    assert pool.select(large.weight - 1, 10) == [small]
    assert pool.select(large.weight + small.weight, 10) == [large, small]


def test_selection_waits_with_what_the_base_fee_has_outrun() -> None:
    pool = pool_for(10)
    waiting = add(pool, 1, Terms(fee_max=10 * WEIGHT))
    follower = add(pool, 1, Terms(nonce=1))
    assert pool.select(ROOMY, 11) == []
    assert pool.select(ROOMY, 10) == [waiting, follower]


def test_selection_starts_after_blocks_that_are_not_final() -> None:
    pool = pool_for(10)
    add(pool, 1, Terms(nonce=0))
    second = add(pool, 1, Terms(nonce=1))
    assert pool.select(ROOMY, 10, nonces={address(1): 1}) == [second]
    assert pool.select(ROOMY, 10, nonces={address(1): 2}) == []


def test_many_misfits_do_not_make_selection_slow() -> None:
    pool = pool_for(1_000)
    for sender in range(300):
        add(pool, sender, Terms(tip=10**6, size_bytes=9_000))
    add(pool, 999, Terms(tip=1))
    assert pool.select(5_000, 10) == []


def test_a_full_pool_evicts_the_cheapest_tail_and_makes_no_gap() -> None:
    pool = pool_for(3)
    first = add(pool, 1, Terms(nonce=0, tip=10))
    tail = add(pool, 1, Terms(nonce=1, tip=500_000))
    other = add(pool, 2, Terms(tip=200_000))
    newcomer = make_transaction(3, Terms(tip=300_000))
    removed = pool.add(newcomer, RICH, HEAD)
    assert removed == (other,), "the cheapest of all is not a tail and stays"
    assert pool.select(ROOMY, 10) == [newcomer, first, tail]


def test_a_full_pool_refuses_what_pays_no_more_than_its_cheapest_tail() -> None:
    pool = pool_for(2)
    add(pool, 1, Terms(tip=10**6))
    add(pool, 2, Terms(tip=10**6))
    with pytest.raises(MempoolFull):
        add(pool, 3, Terms(tip=10**6))
    assert len(pool) == 2


def test_what_waits_behind_a_gap_is_the_first_to_go() -> None:
    pool = pool_for(2)
    gapped = add(pool, 1, Terms(nonce=5, tip=10**9))
    add(pool, 2, Terms(tip=10**6))
    assert pool.add(make_transaction(3, Terms(tip=10**6)), RICH, HEAD) == (gapped,)
    with pytest.raises(MempoolFull):
        add(pool, 4, Terms(nonce=7, tip=10**12))


def test_nobody_evicts_the_tail_that_his_own_transaction_builds_on() -> None:
    pool = pool_for(2)
    add(pool, 1, Terms(nonce=0, tip=10**6))
    add(pool, 2, Terms(nonce=0, tip=10**8))
    with pytest.raises(MempoolFull):
        add(pool, 1, Terms(nonce=1, tip=10**7))
    assert [len(of_sender(pool, sender)) for sender in (1, 2)] == [1, 1]


def test_a_large_newcomer_evicts_as_many_tails_as_it_needs_or_none() -> None:
    pool = pool_for(3)
    for nonce in range(3):
        add(pool, 1, Terms(nonce=nonce, tip=10**6))
    big = Terms(tip=10**7, size_bytes=2 * WEIGHT - 1_000)
    removed = pool.add(make_transaction(2, big), RICH, HEAD)
    assert [signed.transaction.nonce for signed in removed] == [2, 1]
    too_big = Terms(tip=10**9, size_bytes=4 * WEIGHT)
    with pytest.raises(MempoolFull):
        add(pool, 3, too_big)
    assert len(pool) == 2


def test_a_pool_is_full_by_bytes_as_well_as_by_weight() -> None:
    size = Terms().size_bytes
    pool = Mempool(max_weight=ROOMY, max_bytes=2 * size)
    cheap = add(pool, 1, Terms(tip=10**7))
    dear = add(pool, 2, Terms(tip=10**9))
    with pytest.raises(MempoolFull):
        add(pool, 3, Terms(tip=10**7))
    removed = pool.add(make_transaction(3, Terms(tip=10**8, size_bytes=size)), RICH, HEAD)
    assert removed == (cheap,)
    assert of_sender(pool, 2) == (dear,)
    assert pool.stats.size_bytes == 2 * size


def test_the_price_of_entry_rises_when_the_pool_fills_up() -> None:
    pool = pool_for(100)
    for sender in range(75):
        add(pool, sender, Terms(tip=0))
    assert pool.floor(HEAD.base_fee) == 0
    for sender in range(100, 113):
        add(pool, sender, Terms(tip=10**6))
    required = HEAD.base_fee * WEIGHT * 52 // 100
    with pytest.raises(TipBelowFloor) as caught:
        add(pool, 200, Terms(tip=required - 1))
    assert caught.value.required_tip == required
    add(pool, 200, Terms(tip=required))


def test_a_block_removes_what_it_holds_and_what_its_nonces_killed() -> None:
    pool = pool_for(10)
    included = add(pool, 1, Terms(nonce=0))
    rival = make_transaction(1, Terms(nonce=1, amount=7))  # spent elsewhere, same nonce
    killed = add(pool, 1, Terms(nonce=1))
    kept = add(pool, 1, Terms(nonce=2))
    bystander = add(pool, 2)
    dropped = pool.apply_block([included, rival], lambda _: SenderAccount(2, 10**24))
    assert dropped == (killed,)
    assert pool.select(ROOMY, 10) == sorted(
        [kept, bystander], key=lambda signed: (-signed.transaction.tip, signed.id)
    )
    assert pool.knows(included.id)
    assert not pool.knows(killed.id)


def test_a_poorer_sender_loses_its_tails() -> None:
    pool = pool_for(10)
    cost = maximum_cost(make_transaction(1, Terms()).transaction)
    signed = [add(pool, 1, Terms(nonce=nonce)) for nonce in range(3)]
    dropped = pool.refresh([address(1)], lambda _: SenderAccount(0, 2 * cost))
    assert dropped == (signed[2],)
    assert of_sender(pool, 1) == (signed[0], signed[1])


def test_an_hour_or_the_senders_own_limit_ends_the_wait() -> None:
    pool = pool_for(10)
    soon = add(pool, 1, Terms(valid_until=102))
    old = add(pool, 2)
    later = HeadView(HEAD.height + 1, HEAD.timestamp_ms + 1, HEAD.base_fee)
    young = add(pool, 3, head=later)
    assert pool.expire(replace(HEAD, height=101)) == ()
    assert pool.expire(replace(HEAD, height=102)) == (soon,)
    after_ttl = HeadView(103, HEAD.timestamp_ms + limits.MEMPOOL_TTL_MS + 1, HEAD.base_fee)
    assert pool.expire(after_ttl) == (old,)
    assert of_sender(pool, 3) == (young,)


def test_the_next_nonce_counts_what_is_pending_without_a_gap() -> None:
    pool = pool_for(10)
    assert pool.next_nonce(address(1), 5) == 5
    account = SenderAccount(5, 10**24)
    add(pool, 1, Terms(nonce=5), account=account)
    add(pool, 1, Terms(nonce=7), account=account)
    assert pool.next_nonce(address(1), 5) == 6
    add(pool, 1, Terms(nonce=6), account=account)
    assert pool.next_nonce(address(1), 5) == 8


def test_the_best_are_listed_by_price() -> None:
    pool = pool_for(10)
    signed = [add(pool, sender, Terms(tip=1_000 * sender)) for sender in range(5)]
    assert pool.best(2) == (signed[4], signed[3])
    assert len(pool.best(100)) == 5
