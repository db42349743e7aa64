"""The 69 % are exact, for any weights."""

from fractions import Fraction

import pytest

from consensus.quorum import quorum_weight, reaches_quorum


@pytest.mark.parametrize(
    ("members", "enough"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5), (13, 9), (20, 14)]
)
def test_members_needed_of_equal_weight(members: int, enough: int) -> None:
    assert reaches_quorum(enough, members)
    assert not reaches_quorum(enough - 1, members)
    assert quorum_weight(members) == enough


def test_exactly_69_percent_is_enough() -> None:
    assert reaches_quorum(69, 100)
    assert not reaches_quorum(68, 100)


def test_amounts_beyond_a_float_are_exact() -> None:
    total = 900_000_000 * 10**18
    weight = total * 69 // 100
    assert reaches_quorum(weight, total)
    assert not reaches_quorum(weight - 1, total)
    assert Fraction(weight, total) == Fraction(69, 100)
