"""Every run of a small world: nothing forks, and wrong rules do."""

import pytest

from tests.simulation.mutants import mutated
from tests.simulation.small_scope import Broken, Explorer, Scope

SMALL = Scope(views=2, rivals=1)
AT_AN_EDGE = Scope(views=2, rivals=1, epoch_blocks=1)
WITH_RIVALS = Scope(views=2, rivals=2)


@pytest.mark.parametrize("scope", [SMALL, AT_AN_EDGE], ids=["inside", "edge"])
def test_no_run_of_two_views_forks(scope: Scope) -> None:
    assert Explorer(scope).explore() > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "scope",
    [WITH_RIVALS, Scope(views=2, rivals=2, epoch_blocks=1)],
    ids=["inside", "edge"],
)
def test_no_run_of_two_views_with_rivals_forks(scope: Scope) -> None:
    assert Explorer(scope).explore() > 100_000


@pytest.mark.parametrize(
    "mutant",
    [
        "COMMIT after CANCEL",
        "no NULL check",
        "NULL of the last skipped view unchecked",
        "a NOTAR view can be skipped",
    ],
)
def test_a_wrong_rule_breaks_some_run(mutant: str) -> None:
    with mutated(mutant), pytest.raises(Broken):
        Explorer(SMALL).explore()
