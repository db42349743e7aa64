"""The committee: its golden draw, its floor, and how often it is a bad one."""

from math import comb, sqrt

import pytest

from consensus.committee import COMMITTEE_SEATS, draw_committee, draw_seats
from consensus.quorum import quorum_weight
from native.hashing import Hash32, blake3_256
from tests.builders_consensus import make_electorate

SEED = blake3_256(b"the seed of an epoch")
K = COMMITTEE_SEATS
QUORUM = quorum_weight(K)
UNSAFE = 2 * QUORUM - K
STALLED = K - QUORUM + 1
TERMS = 6_000

# consensus/lanes/README.md, "How good is a committee": P[bad seats >= 8], P[bad seats >= 7].
TABLE = {
    50: {20: (5.84e-03, 3.65e-02), 30: (1.72e-01, 3.74e-01)},
    100: {20: (1.81e-02, 6.37e-02), 30: (2.05e-01, 3.85e-01)},
}
WITH_REPLACEMENT = {20: (3.21e-02, 8.67e-02), 30: (2.28e-01, 3.92e-01)}


def binomial_tail(share: float, least: int) -> float:
    return sum(comb(K, n) * share**n * (1 - share) ** (K - n) for n in range(least, K + 1))


def hypergeometric_tail(validators: int, bad: int, least: int) -> float:
    ways = sum(comb(bad, n) * comb(validators - bad, K - n) for n in range(least, min(bad, K) + 1))
    return ways / comb(validators, K)


def bad_seats(stakes: list[int], bad: set[int]) -> list[int]:
    return [
        sum(seats for index, seats in enumerate(draw_seats(stakes, SEED, term)) if index in bad)
        for term in range(TERMS)
    ]


def test_the_numbers_that_make_a_committee_bad() -> None:
    assert (QUORUM, UNSAFE, STALLED) == (14, 8, 7)


def test_the_draw_is_golden() -> None:
    drawn = draw_seats([1, 2, 3, 4, 30], SEED, 7)
    assert drawn == (1, 1, 1, 2, 15)
    assert draw_seats([1, 2, 3, 4, 30], SEED, 8) != drawn
    assert draw_seats([1, 2, 3, 4, 30], blake3_256(b"another seed"), 8) != (0, 1, 2, 2, 15)


def test_twenty_equal_stakes_are_the_full_set() -> None:
    assert draw_seats([5] * 20, SEED, 1) == (1,) * 20


def test_a_committee_is_an_electorate_of_its_seat_holders() -> None:
    validators = make_electorate([1, 2, 3, 4, 30], epoch=3)
    committee = draw_committee(validators, SEED, 8)
    assert committee.total == K
    assert committee.weights == (1, 2, 2, 15)
    assert committee.members == validators.members[1:]
    assert (committee.epoch, committee.vset_hash) == (3, validators.vset_hash)
    turns = [committee.schedule.count(index) for index in range(4)]
    assert turns == [13, 26, 25, 192]


@pytest.mark.parametrize(("validators", "share"), [(n, f) for n in TABLE for f in TABLE[n]])
def test_the_table_of_bad_committees_is_right(validators: int, share: int) -> None:
    """Without replacement (the columns N = 50, 100) and with (the column "binomial")."""
    for tails, least in zip(
        zip(TABLE[validators][share], WITH_REPLACEMENT[share], strict=True),
        (UNSAFE, STALLED),
        strict=True,
    ):
        assert tails[0] == pytest.approx(
            hypergeometric_tail(validators, validators * share // 100, least), rel=0.005
        )
        assert tails[1] == pytest.approx(binomial_tail(share / 100, least), rel=0.005)


@pytest.mark.parametrize(("validators", "share"), [(n, f) for n in TABLE for f in TABLE[n]])
def test_bad_committees_come_as_often_as_the_table_says(validators: int, share: int) -> None:
    """Equal stakes below one seat each: every seat is an independent draw, so it is binomial."""
    seats = bad_seats([7] * validators, set(range(validators * share // 100)))
    for least in (UNSAFE, STALLED):
        expected = binomial_tail(share / 100, least)
        spread = sqrt(expected * (1 - expected) / TERMS)
        measured = sum(bad >= least for bad in seats) / TERMS
        assert measured == pytest.approx(expected, abs=4 * spread)


@pytest.mark.parametrize("bad", [3, 5])
def test_guaranteed_seats_make_bad_committees_rarer(bad: int) -> None:
    """Bad validators with 1.2 seats' worth each have one for sure and win few of the rest."""
    stakes = [14] * bad + [11] * 15
    share = 14 * bad / sum(stakes)
    seats = bad_seats(stakes, set(range(bad)))
    assert sum(each >= UNSAFE for each in seats) / TERMS < binomial_tail(share, UNSAFE) / 3
    assert sum(seats) / TERMS == pytest.approx(K * share, abs=0.1)


def test_a_seed_is_32_bytes_and_stakes_may_be_larger_than_64_bits() -> None:
    stakes = [3 * 10**28, 10**28, 2 * 10**28]
    assert draw_seats(stakes, Hash32(SEED), 0, seats=6) == (3, 1, 2)
