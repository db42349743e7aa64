"""Whole nodes that have room for a few peers each: what the others sign reaches them by relays."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from aichain.node.lanes.relay import Relay
from aichain.node.lanes.upstream import Upstream
from tests.simulation.nodes import world
from tests.simulation.nodes.plan import Crash, DeadCommittee, Plan, Split
from tests.simulation.nodes.play import run_plan
from tests.simulation.nodes.test_lane_nodes import QUIET, VALIDATORS

FEW = 9
FEW_LINKS = 3
FEW_PATIENCE_S = 15.0
SPARSE = replace(
    QUIET,
    founders=FEW,
    skews_ms=(0,) * FEW,
    full_set_limit=4,
    peers_max=FEW_LINKS,
    faults=(),
    heal_s=4.0,
)
LINKS = 5
WIDE = replace(QUIET, peers_max=LINKS)


@pytest.mark.parametrize("seed", range(1, 4))
def test_blocks_are_as_fast_and_as_hard_as_with_all_links(tmp_path: Path, seed: int) -> None:
    """Nine validators with three peers each, three hops apart: a block in each 500 ms."""
    result = run_plan(replace(SPARSE, seed=seed), tmp_path)
    assert not result.violation
    assert result.restarts == 0
    assert result.heights >= 2 * SPARSE.heal_s + world.BLOCKS_AFTER_HEALING - 2
    assert result.virtual_s < SPARSE.heal_s + world.BLOCKS_AFTER_HEALING


async def _ask_nobody(_upstream: Upstream) -> None:
    """Nobody says that it lacks anything."""


def _keep_all(*_: object) -> None:
    """What comes is for us alone."""


WRONG: dict[str, tuple[object, str, object]] = {
    "asking": (Upstream, "run", _ask_nobody),
    "passing on": (Relay, "pass_on", _keep_all),
}


@pytest.mark.parametrize("what", WRONG)
def test_without_relays_the_chain_stands(tmp_path: Path, what: str) -> None:
    patience = patch.object(world, "PATIENCE_S", FEW_PATIENCE_S)
    with patience, patch.object(*WRONG[what]):
        result = run_plan(SPARSE, tmp_path)
    assert result.violation is not None
    assert "no progress" in result.violation


def test_a_validator_that_was_away_and_one_that_is_gone_are_no_trouble(tmp_path: Path) -> None:
    """Routes that led through one that crashed lead through others, and back."""
    plan = replace(SPARSE, faults=((2.0, Crash((3,), 2.0)), (3.0, Crash((5,), 4.0))), heal_s=6.0)
    result = run_plan(plan, tmp_path)
    assert not result.violation


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    "plan",
    [
        replace(WIDE, faults=((4.0, Crash((3,), 2.0)),)),
        replace(WIDE, faults=((4.0, DeadCommittee(60.0)),)),
        replace(WIDE, faults=((4.0, Split(tuple(range(VALIDATORS // 2)))),)),
    ],
)
def test_24_validators_with_five_peers_each_survive_what_those_with_all_do(
    tmp_path: Path, plan: Plan
) -> None:
    result = run_plan(plan, tmp_path)
    assert not result.violation
    assert result.heights > 20
