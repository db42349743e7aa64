"""Whole nodes with two lanes keep one hard history; after a dead committee comes another one."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.nodes.plan import Crash, DeadCommittee, Plan, Split
from tests.simulation.nodes.play import run_plan
from tests.simulation.nodes.test_nodes import run_simulator

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


def test_24_validators_make_fast_blocks_hard_and_one_comes_back(tmp_path: Path) -> None:
    """Every epoch of 8 blocks ends, every term of 2 is decided, and the node that was away has
    the same blocks, from its own log and from peers."""
    result = run_plan(QUIET, tmp_path)
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
    done = run_simulator("--lanes", "--seeds", "0:2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violations 0" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_many_seeds_with_two_lanes_break_nothing_and_every_fault_occurs() -> None:
    done = run_simulator("--lanes", "--seeds", "0:48", timeout_s=3_600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violations 0" in done.stdout


def test_a_seed_with_two_lanes_repeats_its_run() -> None:
    first, second = (run_simulator("--lanes", "--replay", "0") for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "trace=" in first.stdout
    assert first.stdout == second.stdout
