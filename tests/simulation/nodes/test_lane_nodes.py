"""Whole nodes with two lanes keep one hard history; after a dead committee comes another one."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.front_door import ROOT, play_unbroken
from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.lane_mutants import MUTANTS
from tests.simulation.nodes.lane_plan import LANE_KINDS
from tests.simulation.nodes.lane_runs import CAPTURED, DRAWN, GUILTY, LANE_FAULTS, run
from tests.simulation.nodes.plan import Crash, DeadCommittee, Plan, Split
from tests.simulation.nodes.play import ACCUSED_AT_A_FORK, run_plan

VALIDATORS = 24
CALM_S = 8.0
QUIET = Plan(
    seed=1,
    founders=VALIDATORS,
    epoch_blocks=8,
    delta_ms=100,
    clock_offset_ms=0,
    skews_ms=(0,) * VALIDATORS,
    slow={},
    twins=(),
    transfers_per_s=2,
    faults=((CALM_S, Crash((3,), 1.0)),),
)

SHOWS = {
    "captured": CAPTURED,
    "power": ("power lost",),
    "dead": ("dead committee", "crash"),
    "crashes": ("crash",),
    "behind": ("chain lost",),
    "liars": ("chain lost", "link deaf in one direction"),
    "guilty": GUILTY,
    "producers": tuple(BAD_BLOCKS)[13:15],
}
"""What seeds of a kind must have brought, beside no violation."""
FIRST_SEED = 10
SEEDS = {kind: 2 if kind == "guilty" else 1 for kind in SHOWS}
"""So many of each bring it; the slow test plays the others."""
FORKING = ("beyond", "edges")


def _play(kind: str, first: int, last: int) -> set[str]:
    """All those seeds without a violation; what occurred in them."""
    return play_unbroken("--profile", "lane-nodes", "--kind", kind, "--seeds", f"{first}:{last}")


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("calm_s", [4, pytest.param(22, marks=pytest.mark.slow)])
def test_24_validators_make_fast_blocks_hard_and_one_comes_back(
    tmp_path: Path, calm_s: int
) -> None:
    """Every epoch of 8 blocks ends, every term of 2 is decided, and the node that was away has
    the same blocks, from its own log and from peers."""
    result = run_plan(replace(QUIET, heal_s=CALM_S + calm_s), tmp_path)
    assert not result.violation
    assert result.heights > 2 * CALM_S
    assert result.transactions > CALM_S
    assert result.restarts == 0


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_a_dead_committee_is_followed_by_another_while_it_is_down(tmp_path: Path) -> None:
    plan = replace(QUIET, faults=((4.0, DeadCommittee(60.0)),))
    result = run_plan(plan, tmp_path)
    assert not result.violation
    assert result.restarts > 0
    assert result.heights > 30


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_two_halves_of_24_decide_nothing_alone_and_go_on_together(tmp_path: Path) -> None:
    half = tuple(range(VALIDATORS // 2))
    result = run_plan(replace(QUIET, faults=((4.0, Split(half)), (20.0, Split(half)))), tmp_path)
    assert not result.violation
    assert result.heights > 20


def test_few_seeds_with_two_lanes_break_nothing() -> None:
    _play("swarm", 0, 2)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_many_seeds_with_two_lanes_break_nothing_and_every_fault_occurs() -> None:
    assert set(LANE_FAULTS) - _play("swarm", 0, 48) == set()


@pytest.mark.timeout(1_200)
def test_wrong_shells_die_of_what_they_do_and_the_right_one_lives() -> None:
    command = [sys.executable, "-m", "tests.simulation.nodes.lane_mutants"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1_100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") > len(MUTANTS)
    assert "LIVES" not in done.stdout


@pytest.mark.parametrize("kind", SHOWS)
def test_runs_with_two_lanes_and_one_thing_wrong_break_nothing(kind: str) -> None:
    occurred = _play(kind, FIRST_SEED, FIRST_SEED + SEEDS[kind])
    assert set(SHOWS[kind]) - occurred == set()


def test_every_kind_with_two_lanes_must_show_something() -> None:
    assert {DRAWN, *SHOWS, *FORKING} == set(LANE_KINDS)


@pytest.mark.parametrize("kind", FORKING)
def test_at_a_hard_fork_both_halves_halt_and_accuse_who_signed_twice(kind: str) -> None:
    """Whom all homes convict together, and that they weigh 38 %, the run checks at its end."""
    result = run(0, kind)
    assert result.violation is None
    assert result.faults["(fork)"] == 1
    assert result.faults["(node halted at a fork)"] == 4
    assert result.faults[ACCUSED_AT_A_FORK] == 4 * 3


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", [kind for kind in LANE_KINDS if kind != "swarm"])
def test_many_more_of_them_break_nothing(kind: str) -> None:
    _play(kind, FIRST_SEED + SEEDS.get(kind, 2), 40)
