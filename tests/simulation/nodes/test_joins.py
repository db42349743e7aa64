"""Chains that were lost, and the snapshots by which they come back."""

import pytest

from tests.simulation.front_door import play_unbroken
from tests.simulation.nodes.runs import JOINS

SEEDS = 5


@pytest.mark.timeout(1_200)
def test_chains_that_were_lost_come_back_by_snapshots_past_crashes_and_a_liar() -> None:
    """In a file of its own: it takes as long as many others together."""
    occurred = play_unbroken("--profile", "nodes", "--kind", "joiners", "--seeds", f"0:{SEEDS}")
    assert set(JOINS) - occurred == set()
