"""Publish or skip: measured with the real beacon, and never beyond the union bound."""

from math import sqrt

import pytest

from tests.simulation.beacon_bias import (
    LAST_BLOCKS,
    TRIALS,
    Measured,
    Prospects,
    Trial,
    chance_of,
    measure,
    table_chance,
    table_draws,
    tail_of,
)


def check(bad: int, trials: int) -> Measured:
    found, chance = measure(bad, trials), chance_of(bad)
    doubt = 4 * sqrt(chance / trials)
    assert abs(found.honest - chance) < doubt
    assert abs(found.strategic - found.expected) < 2 * doubt
    assert found.strategic < found.draws * chance + 2 * doubt
    assert found.strategic < 2 * chance + 2 * doubt, "about a doubling, as the design says"
    return found


def test_who_holds_the_last_turns_gains_what_the_union_bound_allows_and_no_more() -> None:
    found = check(30, 600)
    assert found.strategic > 1.3 * chance_of(30), "the adversary does try"
    assert 0 < found.skipped < LAST_BLOCKS / 2, "and pays for it with a turn or two"


@pytest.mark.slow
@pytest.mark.parametrize("bad", [10, 20, 30, 33])
def test_the_same_over_many_epochs(bad: int) -> None:
    check(bad, TRIALS)


@pytest.mark.parametrize(
    ("bad", "row"),
    [
        (5, (2.86e-6, 5.71e-6, 1.14e-5, 4.57e-5, 7.31e-4, 0.950)),
        (10, (4.16e-4, 8.31e-4, 1.66e-3, 6.63e-3, 0.101, 1.0)),
        (20, (3.21e-2, 6.33e-2, 0.123, 0.407, 1.0, 1.0)),
    ],
)
def test_table_6_of_the_design_can_be_computed(bad: int, row: tuple[float, ...]) -> None:
    for turns, printed in zip((0, 1, 2, 4, 8, 20), row, strict=True):
        assert table_chance(chance_of(bad), turns) == pytest.approx(printed, rel=5e-3)


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_who_has_the_last_turns_before_the_edge_stays_within_table_6(turns: int) -> None:
    """With one turn it is the table's chance; more turns, with strangers after, give no more."""
    trials, bad = 500, 30
    pattern = "H" * (LAST_BLOCKS - turns) + "A" * turns
    found = sum(Trial(number, bad, pattern).strategic() for number in range(trials)) / trials
    doubt = 4 * sqrt(0.25 / trials)
    assert found < table_chance(chance_of(bad), turns) + doubt
    assert abs(found - table_chance(chance_of(bad), 1)) < doubt
    assert found > chance_of(bad) + doubt


@pytest.mark.parametrize(
    ("pattern", "draws", "table"),
    [
        ("HHHHHHHH", 1, 1),
        ("AHHHHHHH", 1, 1),  # who comes before an honest reveal knows nothing
        ("HHHHHHHA", 2, 2),  # publish, or let somebody else fill in
        ("HHHHHHAA", 2, 4),  # less than the table: both, or a stranger's reveal
        ("HHHHHAAA", 2, 8),
        ("HHHHHHHAA", 3, 2),  # and more: the turn after the edge is a choice as well
        ("HHHHHHHAAA", 4, 2),
        ("HHHHHHAAA", 4, 4),  # two of three, or a stranger's
        ("HHHHHHHAHA", 2, 2),
        ("HHHHHHAHA", 2, 1),  # skip, and be the last
    ],
)
def test_the_draws_are_those_that_can_be_seen(pattern: str, draws: int, table: int) -> None:
    tail = tail_of(pattern, 30)
    assert Prospects(tail, 0.01).draws(LAST_BLOCKS, 0) == draws
    assert table_draws(tail) == table
