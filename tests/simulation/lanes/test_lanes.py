"""Two lanes in the seeded world: nothing breaks, wrong rules are caught, a seed is a run."""

import pytest

from tests.simulation.hash_seeds import printed_by
from tests.simulation.lanes.faults import EVERY_FAULT, SHOWS
from tests.simulation.lanes.mutants import (
    CATCHABLE,
    MUTANTS,
    SHOWN_BY,
    SLOW,
    SPEED_ONLY,
    first_caught,
)
from tests.simulation.lanes.runs import run
from tests.simulation.lanes.scenario import KINDS, Scenario

LONG = ("async31", "async37", "part")
QUICK_SEEDS = 1
SLOW_SEEDS = 12


def require_unbroken(name: str, seeds: range) -> None:
    """No violation in these, and all that the scenario is for has occurred."""
    results = [run(seed, name) for seed in seeds]
    assert [result.violation for result in results] == [None] * len(seeds)
    assert [kind for kind in SHOWS[name] if not any(each.faults[kind] for each in results)] == []


@pytest.mark.parametrize("name", [name for name in KINDS if name not in LONG])
def test_no_invariant_breaks(name: str) -> None:
    require_unbroken(name, range(QUICK_SEEDS))


def test_every_fault_of_the_table_has_a_scenario_that_shows_it() -> None:
    assert set(KINDS) == set(SHOWS)
    assert set(EVERY_FAULT) == {fault for faults in SHOWS.values() for fault in faults}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_no_invariant_breaks_in_many_seeds(name: str) -> None:
    seeds = range(QUICK_SEEDS, QUICK_SEEDS + SLOW_SEEDS)
    require_unbroken(name, seeds)


@pytest.mark.parametrize(
    ("nodes", "name"),
    [
        (50, "sync37"),
        (50, "cap14"),
        (50, "strike"),
        pytest.param(100, "strike", marks=pytest.mark.slow),
        pytest.param(200, "cut3s", marks=pytest.mark.slow),
    ],
)
def test_sets_as_large_as_in_life_break_nothing(nodes: int, name: str) -> None:
    assert run(1, name, nodes=nodes).violation is None


def test_every_hard_fork_halts_all_and_convicts_38_percent() -> None:
    """Beyond the bound; a run fails if somebody goes on, or if the guilty cannot be named."""
    results = [run(seed, "beyond") for seed in range(6)]
    assert [result.violation for result in results] == [None] * 6
    forks = [result for result in results if result.faults["(fork)"]]
    assert len(forks) >= 4
    assert all(fork.faults["(halt)"] == len(Scenario("beyond", fork.seed).live) for fork in forks)


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "name"), [(100, "clean"), (100, "sync31"), (200, "clean")])
def test_many_validators(nodes: int, name: str) -> None:
    result = run(1, name, nodes=nodes)
    assert result.violation is None
    assert result.checkpoints >= KINDS[name].checkpoints


@pytest.mark.parametrize("mutant", [name for name in CATCHABLE if name not in SLOW])
def test_a_wrong_rule_is_caught(mutant: str) -> None:
    assert first_caught(mutant, run) is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", CATCHABLE)
def test_a_wrong_rule_is_caught_where_the_right_one_holds(mutant: str) -> None:
    caught = first_caught(mutant, run)
    assert caught is not None
    assert run(caught[0], SHOWN_BY[mutant]).violation is None


def test_every_mutant_is_either_caught_or_known_to_be_harmless() -> None:
    assert set(MUTANTS) == set(CATCHABLE) | SPEED_ONLY


def test_cores_that_count_for_themselves_come_to_the_same() -> None:
    """The world's counting only saves steps: with real tallies the run is as healthy."""
    real, counted = (run(3, "mixed", counted=counts) for counts in (False, True))
    assert real.violation is counted.violation is None
    assert real.checkpoints == counted.checkpoints == KINDS["mixed"].checkpoints


def test_committees_are_as_bad_as_a_scenario_wants() -> None:
    scenario = Scenario("cap14", 0)
    voters = scenario.voters(0)
    for term in (1, 3, 4):
        committee = scenario.committee(voters.electorate, voters.seed, term, seats=20)
        assert committee.total == 20
        assert 14 <= scenario.bad_weight(committee) <= 20


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    names = ("cap14", "mixed")
    code = (
        "from tests.simulation.lanes.runs import run; "
        f"print(*[run(1, name).trace for name in {names!r}])"
    )
    assert printed_by(code) == {" ".join(run(1, name).trace for name in names)}
