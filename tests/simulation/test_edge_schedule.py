"""The one schedule that needs every check of R10, with the checks and without."""

import pytest

from tests.simulation.edge_schedule import play
from tests.simulation.mutants import mutated


@pytest.mark.parametrize(("late_notar", "justify_view"), [(True, 1), (False, 2), (True, 2)])
def test_an_unjustified_repetition_at_the_edge_is_refused(
    late_notar: bool, justify_view: int
) -> None:
    assert play(late_notar=late_notar, justify_view=justify_view) == [set(), set(), {"b2"}]


def test_without_the_null_check_the_edge_forks() -> None:
    with mutated("no NULL check"):
        assert play(late_notar=True, justify_view=1) == [{"b1"}, {"b1"}, {"b2"}]


def test_without_the_notar_check_the_edge_forks() -> None:
    with mutated("no NOTAR check"):
        assert play(late_notar=False, justify_view=2) == [{"b1"}, {"b1"}, {"b2"}]
