"""Whole nodes keep one history under faults and liars; beyond the bound they notice the fork."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.nodes.evil import CRIMES
from tests.simulation.nodes.jail import STAGES
from tests.simulation.nodes.mutants import SHOWN_BY, mutated
from tests.simulation.nodes.offenders import SHELTERING
from tests.simulation.nodes.play import ACCUSED_AT_A_FORK
from tests.simulation.nodes.runs import EVERY_FAULT, FAULTS, JOINS, run

ROOT = Path(__file__).resolve().parents[3]
SEEDS = {
    "swarm": 16,
    "guilty": 4,
    "accomplice": 2,
    "witness": 2,
    "absent": 2,
    "liars": 10,
    "joiners": 8,
    "beyond": 4,
    "edges": 4,
}
SLOW_SEEDS = {
    "swarm": 60,
    "guilty": 40,
    "accomplice": 30,
    "witness": 30,
    "absent": 20,
    "liars": 30,
    "joiners": 80,
    "beyond": 40,
    "edges": 40,
}


def run_simulator(*arguments: str, timeout_s: int = 900) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation.nodes", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


def _play(kind: str, first: int, last: int) -> str:
    """All those seeds without a violation; what was printed."""
    command = [sys.executable, "-m", "tests.simulation", "--profile", "nodes", "--kind", kind]
    done = subprocess.run(
        [*command, "--seeds", f"{first}:{last}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1_800,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert "violations 0" in done.stdout, done.stdout + done.stderr
    return done.stdout


def _occurred(printed: str) -> set[str]:
    """The rows of the table that count something."""
    rows = [line.strip().split("  ", 1) for line in printed.splitlines()]
    return {row[1] for row in rows if len(row) == 2 and row[0].isdigit() and row[0] != "0"}


@pytest.mark.timeout(1200)
def test_many_seeds_break_nothing_and_every_fault_occurs() -> None:
    assert set(FAULTS) - _occurred(_play("swarm", 0, SEEDS["swarm"])) == set()


def test_one_of_five_that_runs_twice_is_slashed_within_three_blocks() -> None:
    assert "(slashed on chain)" in _occurred(_play("guilty", 0, SEEDS["guilty"]))


def test_who_shelters_an_offender_does_not_save_it() -> None:
    occurred = _occurred(_play("accomplice", 0, SEEDS["accomplice"]))
    assert {SHELTERING, "(slashed on chain)"} <= occurred


def test_what_one_alone_has_seen_is_punished_though_it_crashed_before_anybody_heard() -> None:
    assert "(slashed on chain)" in _occurred(_play("witness", 0, SEEDS["witness"]))


def test_who_is_away_is_jailed_and_comes_back() -> None:
    assert set(STAGES) <= _occurred(_play("absent", 0, SEEDS["absent"]))


def test_whoever_lies_withholds_or_forges_stops_nobody() -> None:
    assert set(CRIMES) - _occurred(_play("liars", 0, SEEDS["liars"])) == set()


def test_chains_that_were_lost_come_back_by_snapshots_past_crashes_and_a_liar() -> None:
    assert set(JOINS) - _occurred(_play("joiners", 0, SEEDS["joiners"])) == set()


@pytest.mark.parametrize("kind", ["beyond", "edges"])
def test_beyond_the_bound_all_notice_a_fork_and_it_convicts_38_percent(kind: str) -> None:
    occurred = _occurred(_play(kind, 0, SEEDS[kind]))
    assert {"(fork)", "(node halted at a fork)", ACCUSED_AT_A_FORK} <= occurred


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_wrong_rule_of_whole_nodes_is_caught(name: str) -> None:
    with mutated(name):
        assert any(run(seed, SHOWN_BY[name]).violation for seed in range(10))


def test_every_fault_of_the_table_has_a_kind_that_shows_it() -> None:
    passed = {"(slashed on chain)", "(fork)", "(node halted at a fork)", ACCUSED_AT_A_FORK}
    assert set(EVERY_FAULT) == {*FAULTS, *CRIMES, *JOINS, *STAGES, SHELTERING, *passed}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW_SEEDS)
def test_many_more_seeds_break_nothing(kind: str) -> None:
    _play(kind, SEEDS[kind], SEEDS[kind] + SLOW_SEEDS[kind])
