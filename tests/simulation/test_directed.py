"""Wrong rules that chance hardly finds: for each, the test that fails with it in place."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.simulation import test_edge_schedule
from tests.simulation.mutants import MUTANTS, mutated
from tests.unit.aichain.node import test_ballots
from tests.unit.consensus import test_probation
from tests.unit.consensus.core import test_open_view, test_state, test_turn, test_voting

Check = Callable[[Path], object]


def _plain(test: Callable[[], None]) -> Check:
    return lambda _: test()


DIRECTED: dict[str, Check] = {
    "no NOTAR check": _plain(
        partial(
            test_edge_schedule.test_an_unjustified_repetition_at_the_edge_is_refused,
            late_notar=False,
            justify_view=2,
        )
    ),
    "tip over gaps": _plain(test_voting.test_r1_over_a_view_of_unknown_outcome_nothing_is_built),
    "rewrite forgets the floor": lambda directory: trio.run(
        test_ballots.test_a_rewritten_log_still_closes_the_views_it_says_nothing_more_of, directory
    ),
    "probation without distance": _plain(
        test_probation.test_on_a_living_chain_a_distance_of_64_views_is_kept
    ),
    "an absurd head is waited for": _plain(
        partial(test_probation.test_an_absurd_head_is_not_waited_for, test_probation.ABSURD)
    ),
    "certificates convict nobody": _plain(
        test_turn.test_certificates_that_exclude_each_other_convict_their_common_voters
    ),
    "old views keep their votes": _plain(
        test_state.test_of_views_long_left_only_certificates_and_own_votes_stay
    ),
    "old open views not said again": _plain(
        partial(
            test_open_view.test_all_restart_with_votes_but_no_certificate_and_the_chain_goes_on,
            nulls=3,
        )
    ),
}


def test_every_wrong_rule_has_seeds_or_a_directed_test() -> None:
    assert {name for name, mutant in MUTANTS.items() if not mutant.seeds} == set(DIRECTED)


@pytest.mark.parametrize("mutant", DIRECTED)
def test_its_directed_test_catches_a_wrong_rule(mutant: str, tmp_path: Path) -> None:
    (tmp_path / "right").mkdir()
    DIRECTED[mutant](tmp_path / "right")
    with mutated(mutant), pytest.raises((AssertionError, pytest.fail.Exception)):
        DIRECTED[mutant](tmp_path)
