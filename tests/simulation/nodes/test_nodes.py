"""Whole nodes keep one history under faults, and a seed repeats its run exactly."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SEEDS = 16


def run_simulator(*arguments: str, timeout_s: int = 900) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation.nodes", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


def test_many_seeds_break_nothing_and_every_fault_occurs() -> None:
    done = run_simulator("--seeds", f"0:{SEEDS}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violations 0" in done.stdout


@pytest.mark.parametrize("seed", ["1", "5"])
def test_a_seed_alone_repeats_its_run(seed: str) -> None:
    first, second = run_simulator("--replay", seed), run_simulator("--replay", seed)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "trace=" in first.stdout
    assert first.stdout == second.stdout
