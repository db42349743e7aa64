"""Seats for any stakes: they sum up, nobody is below its floor, and expectation is the stake."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.committee import COMMITTEE_SEATS, draw_committee, draw_seats
from native.hashing import Hash32
from tests.builders_consensus import make_electorate

stakes_of_a_set = st.lists(st.integers(1, 2**90), min_size=1, max_size=60)
seeds = st.binary(min_size=32, max_size=32).map(Hash32)
terms = st.integers(0, 2**64 - 1)


@given(stakes_of_a_set, seeds, terms, st.integers(1, 64))
def test_seats_sum_up_and_never_fall_below_the_floor(
    stakes: list[int], seed: Hash32, term: int, seats: int
) -> None:
    drawn = draw_seats(stakes, seed, term, seats=seats)
    assert sum(drawn) == seats
    total = sum(stakes)
    assert all(
        given_seats >= seats * stake // total
        for given_seats, stake in zip(drawn, stakes, strict=True)
    )


@given(st.integers(1, 2**90), seeds, terms)
def test_equal_stakes_up_to_the_limit_share_the_committee(
    stake: int, seed: Hash32, term: int
) -> None:
    assert draw_seats([stake] * COMMITTEE_SEATS, seed, term) == (1,) * COMMITTEE_SEATS


@given(stakes_of_a_set, seeds, terms)
def test_who_is_owed_whole_seats_only_wins_nothing_more(
    stakes: list[int], seed: Hash32, term: int
) -> None:
    total = sum(stakes)
    drawn = draw_seats(stakes, seed, term)
    for given_seats, stake in zip(drawn, stakes, strict=True):
        if COMMITTEE_SEATS * stake % total == 0:
            assert given_seats == COMMITTEE_SEATS * stake // total


@given(stakes_of_a_set, seeds, terms)
def test_the_committee_is_a_valid_electorate(stakes: list[int], seed: Hash32, term: int) -> None:
    committee = draw_committee(make_electorate(stakes), seed, term)
    assert committee.total == COMMITTEE_SEATS
    assert len(committee) <= COMMITTEE_SEATS


@settings(max_examples=12)
@given(st.lists(st.integers(1, 100), min_size=2, max_size=12), seeds)
def test_on_the_average_seats_are_stake(stakes: list[int], seed: Hash32) -> None:
    """800 terms: the mean is within five standard deviations, never above those of a binomial."""
    draws, total = 800, sum(stakes)
    counts = [0] * len(stakes)
    for term in range(draws):
        for index, seats in enumerate(draw_seats(stakes, seed, term)):
            counts[index] += seats
    for count, stake in zip(counts, stakes, strict=True):
        expected = Fraction(COMMITTEE_SEATS * stake * draws, total)
        variance = expected * (1 - Fraction(stake, total))
        assert (count - expected) ** 2 <= 25 * max(variance, Fraction(1))
