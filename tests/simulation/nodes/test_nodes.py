"""Whole nodes keep one history under faults and liars; beyond the bound they notice the fork."""

from unittest.mock import patch

import pytest

from native.errors import AIChainError
from tests.simulation.front_door import play_unbroken
from tests.simulation.nodes import play
from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.evil import CRIMES
from tests.simulation.nodes.jail import STAGES
from tests.simulation.nodes.mutants import FIRST_SEEDS, SHOWN_BY, mutated
from tests.simulation.nodes.offenders import SHELTERING, SLASHED
from tests.simulation.nodes.play import ACCUSED_AT_A_FORK
from tests.simulation.nodes.rot import ROT
from tests.simulation.nodes.runs import EVERY_FAULT, FAULTS, JOINS, run

SEEDS = {
    "swarm": 11,
    "guilty": 4,
    "accomplice": 2,
    "witness": 2,
    "absent": 2,
    "liars": 10,
    "producers": 6,
    "rot": 2,
    "joiners": 5,
    "beyond": 4,
    "edges": 4,
}
SLOW_SEEDS = {
    "swarm": 65,
    "guilty": 40,
    "accomplice": 30,
    "witness": 30,
    "absent": 20,
    "liars": 30,
    "producers": 30,
    "rot": 40,
    "joiners": 83,
    "beyond": 40,
    "edges": 40,
}


def _play(kind: str, first: int, last: int) -> set[str]:
    """All those seeds without a violation; what occurred in them."""
    return play_unbroken("--profile", "nodes", "--kind", kind, "--seeds", f"{first}:{last}")


@pytest.mark.timeout(1200)
def test_many_seeds_break_nothing_and_every_fault_occurs() -> None:
    assert set(FAULTS) - _play("swarm", 0, SEEDS["swarm"]) == set()


def test_one_of_five_that_runs_twice_is_slashed_within_three_blocks() -> None:
    assert SLASHED in _play("guilty", 0, SEEDS["guilty"])


def test_who_shelters_an_offender_does_not_save_it() -> None:
    occurred = _play("accomplice", 0, SEEDS["accomplice"])
    assert {SHELTERING, SLASHED} <= occurred


def test_what_one_alone_has_seen_is_punished_though_it_crashed_before_anybody_heard() -> None:
    assert SLASHED in _play("witness", 0, SEEDS["witness"])


def test_who_is_away_is_jailed_and_comes_back() -> None:
    assert set(STAGES) <= _play("absent", 0, SEEDS["absent"])


def test_whoever_lies_withholds_or_forges_stops_nobody() -> None:
    assert set(CRIMES) - _play("liars", 0, SEEDS["liars"]) == set()


def test_blocks_that_break_rules_are_never_final_and_cost_their_proposer() -> None:
    assert set(BAD_BLOCKS) - _play("producers", 6, 6 + SEEDS["producers"]) == set()


def test_a_bit_that_changes_on_a_disk_is_named_and_what_the_node_says_helps() -> None:
    assert set(ROT) - _play("rot", 3, 3 + SEEDS["rot"]) == set()


@pytest.mark.parametrize("kind", ["beyond", "edges"])
def test_beyond_the_bound_all_notice_a_fork_and_it_convicts_38_percent(kind: str) -> None:
    occurred = _play(kind, 0, SEEDS[kind])
    assert {"(fork)", "(node halted at a fork)", ACCUSED_AT_A_FORK} <= occurred


def first_caught(name: str) -> int | None:
    seeds = (FIRST_SEEDS.get(name, 0), *range(10))
    with mutated(name):
        return next((seed for seed in seeds if run(seed, SHOWN_BY[name]).violation), None)


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_wrong_rule_of_whole_nodes_is_caught(name: str) -> None:
    assert first_caught(name) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN_BY)
def test_it_is_caught_where_the_right_one_holds(name: str) -> None:
    caught = first_caught(name)
    assert caught is not None
    assert run(caught, SHOWN_BY[name]).violation is None


def test_every_fault_of_the_table_has_a_kind_that_shows_it() -> None:
    passed = {SLASHED, "(fork)", "(node halted at a fork)", ACCUSED_AT_A_FORK}
    liars = {*CRIMES, *BAD_BLOCKS}
    assert set(EVERY_FAULT) == {*FAULTS, *liars, *JOINS, *ROT, *STAGES, SHELTERING, *passed}


@pytest.mark.parametrize("error", [AssertionError("impossible"), AIChainError("wrong")])
def test_a_node_that_stops_with_an_error_is_a_failed_run(error: Exception) -> None:
    async def stop(_: object) -> None:
        raise error

    with patch.object(play, "_play", stop):
        assert run(0, "guilty").violation == f"{type(error).__name__}: {error}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW_SEEDS)
def test_many_more_seeds_break_nothing(kind: str) -> None:
    _play(kind, SEEDS[kind], SEEDS[kind] + SLOW_SEEDS[kind])
