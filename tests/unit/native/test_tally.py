"""Votes are counted exactly, each signer once in a group."""

import pytest

from native.tally import STAKE_SUM_MAX, Tally, Votes, tally_votes


def test_a_signer_counts_once_in_a_group() -> None:
    votes = Votes(groups=[0, 0, 1, 0, 0], signers=[2, 2, 2, 9, 0])
    stakes = [10 ** (number % 10) for number in range(10)]
    first, second, third = tally_votes([True, True, True, True, False], votes, stakes, 3)
    assert first == Tally(bytes([0b100, 0b10]), 100 + 10**9)
    assert second == Tally(bytes([0b100, 0]), 100)
    assert third == Tally(bytes(2), 0)


def test_a_later_valid_vote_counts_after_an_invalid_one() -> None:
    assert tally_votes([False, True], Votes([0, 0], [0, 0]), [5], 1) == [Tally(b"\1", 5)]


def test_sums_are_exact_to_the_last_unit() -> None:
    stakes = [STAKE_SUM_MAX - 3, 1, 2]
    (tally,) = tally_votes([True] * 3, Votes([0] * 3, [0, 1, 2]), stakes, 1)
    assert tally.stake == STAKE_SUM_MAX


@pytest.mark.parametrize(
    ("votes", "stakes", "rule"),
    [
        (Votes([0], [0]), [STAKE_SUM_MAX, 1], "64 bits"),
        (Votes([0], [0]), [-1], "negative"),
        (Votes([1], [0]), [1], "no group"),
        (Votes([-1], [0]), [1], "no group"),
        (Votes([0], [1]), [1], "no stake"),
        (Votes([0], [-1]), [1], "no stake"),
        (Votes([0, 0], [0]), [1], "one vote"),
    ],
)
def test_what_cannot_be_counted_is_our_mistake(votes: Votes, stakes: list[int], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        tally_votes([True], votes, stakes, 1)
