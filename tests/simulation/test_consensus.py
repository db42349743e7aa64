"""Seeded worlds over the real core, log and guard; the mutants that die there; determinism."""

from dataclasses import replace
from functools import cache

import pytest

from tests.simulation.campaign import Campaign
from tests.simulation.hash_seeds import printed_by
from tests.simulation.mutants import MUTANTS, first_caught
from tests.simulation.profiles import FULL, SMALL
from tests.simulation.runs import run
from tests.simulation.scenario import HEIGHTS_AFTER_HEALING

SEEDS = 300
CHUNK = 50
CAUGHT = [name for name, mutant in MUTANTS.items() if mutant.seeds]


@cache
def campaign(chunk: int) -> Campaign:
    played = Campaign(SMALL)
    for result in played.play(range(chunk * CHUNK, (chunk + 1) * CHUNK), ("swarm",)):
        assert result.violation or result.finalizations >= HEIGHTS_AFTER_HEALING
    return played


@pytest.mark.parametrize("chunk", range(SEEDS // CHUNK))
def test_no_invariant_breaks(chunk: int) -> None:
    assert not campaign(chunk).failures, "\n".join(campaign(chunk).failures)


def test_every_kind_of_fault_occurs() -> None:
    whole = Campaign(SMALL)
    for chunk in range(SEEDS // CHUNK):
        whole.faults.update(campaign(chunk).faults)
    assert whole.missing() == []


@pytest.mark.parametrize(
    ("kind", "seeds"),
    [
        ("honest", 15),
        ("disks", 20),
        ("wiped", 50),
        ("damaged", 15),
        ("lost", 20),
        ("long", 6),
        ("forgers", 6),
        ("stale", 6),
        ("calm", 15),
        ("far", 6),
    ],
)
def test_the_grounds_on_which_rare_mutants_are_caught_hold(kind: str, seeds: int) -> None:
    played = Campaign(SMALL)
    for _ in played.play(range(seeds), (kind,)):
        pass
    assert not played.failures, "\n".join(played.failures)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_no_invariant_breaks_in_any_kind_of_scenario(chunk: int) -> None:
    played = Campaign(SMALL)
    for _ in played.play(range(1_000 + 20 * chunk, 1_020 + 20 * chunk), FULL.played):
        pass
    assert not played.failures, "\n".join(played.failures)


def test_there_are_at_least_24_mutants() -> None:
    assert len(CAUGHT) >= 24


@pytest.mark.parametrize("mutant", CAUGHT)
def test_a_wrong_rule_is_caught_where_the_right_one_holds(mutant: str) -> None:
    caught = first_caught(mutant, run)
    assert caught is not None
    assert run(caught[0], MUTANTS[mutant].kind).violation is None


def test_every_fork_convicts_38_percent() -> None:
    """Accountability, where the adversary holds more than safety can bear.

    A run fails if nobody halts at a fork, or if honest members cannot name the guilty.
    """
    results = [run(seed, "overrun") for seed in range(24)]
    assert [result.violation for result in results] == [None] * 24
    forks = [result for result in results if result.faults["(fork)"]]
    assert len(forks) >= 5
    assert min(fork.convicted_percent for fork in forks) >= 38
    assert all(fork.faults["(halt)"] for fork in forks)


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    code = "from tests.simulation.runs import run; print(*[run(seed).trace for seed in range(4)])"
    assert printed_by(code) == {" ".join(run(seed).trace for seed in range(4))}


def test_a_paced_run_lasts_25_seconds() -> None:
    result = run(0, "paced")
    assert result.violation is None
    assert result.virtual_ms >= 25_000
    assert 25 <= result.heights <= 50, "a block every 500 ms, but for the bad time and evil turns"


def test_different_seeds_give_different_traces() -> None:
    assert len({run(seed).trace for seed in range(4)}) == 4


def test_a_failing_seed_is_named_with_the_command_that_replays_it() -> None:
    broken = replace(run(3), violation="agreement: two")
    played = Campaign(SMALL)
    played.add("swarm", broken)
    assert played.failures == [
        "python -m tests.simulation --profile small --kind swarm --replay 3  "
        f"# trace {broken.trace}: agreement: two"
    ]
