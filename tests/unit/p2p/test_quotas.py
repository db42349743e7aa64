"""Token buckets: bursts, averages, clocks that jump."""

from genesis import limits
from p2p.quotas import Kind, Quota, Quotas, Rate, TokenBucket


def test_a_burst_passes_and_the_next_one_waits_for_the_average() -> None:
    bucket = TokenBucket(Rate(per_second=10, burst=3), now_ms=0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(99)
    assert bucket.take(100)
    assert not bucket.take(100)


def test_idle_time_fills_up_to_the_burst_and_no_further() -> None:
    bucket = TokenBucket(Rate(per_second=10, burst=3), now_ms=0)
    assert bucket.take(0, 3)
    assert not bucket.take(3_600_000, 4)
    assert bucket.take(3_600_000, 3)


def test_a_refused_take_takes_nothing() -> None:
    bucket = TokenBucket(Rate(per_second=1, burst=5), now_ms=0)
    assert not bucket.take(0, 6)
    assert bucket.take(0, 5)


def test_a_clock_set_back_gives_nothing_away() -> None:
    bucket = TokenBucket(Rate(per_second=1_000, burst=1), now_ms=10_000)
    assert bucket.take(10_000)
    assert not bucket.take(5_000)
    assert bucket.take(5_001)


def test_a_flood_of_one_kind_leaves_the_others() -> None:
    quota = Quota(0)
    while quota.take(Kind.ANNOUNCEMENT, 0):
        pass
    assert quota.take(Kind.CONSENSUS, 0)
    assert quota.take(Kind.BYTES, 0, 1_000_000)


def test_a_charge_goes_below_zero_and_time_pays_it_back() -> None:
    bucket = TokenBucket(Rate(per_second=10, burst=5), now_ms=0)
    bucket.charge(0, 15)
    assert not bucket.take(999, 0)
    assert bucket.take(1_000, 0)
    assert not bucket.take(1_000)
    assert bucket.take(1_100)


def test_a_peer_has_one_quota_until_others_push_it_out() -> None:
    quotas = Quotas(max_peers=2)
    quotas.of("spent", 0).take(Kind.CONSENSUS, 0, limits.CONSENSUS_BURST)
    quotas.of("second", 0)
    assert not quotas.of("spent", 0).take(Kind.CONSENSUS, 0)
    quotas.of("third", 0)
    assert not quotas.of("spent", 0).take(Kind.CONSENSUS, 0)  # the second had to go
    quotas.of("fourth", 0)
    quotas.of("fifth", 0)
    assert quotas.of("spent", 0).take(Kind.CONSENSUS, 0)
