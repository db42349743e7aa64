"""One command for all simulators: totals, the line that replays a failure, an exit code."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.profiles import PROFILES

ROOT = Path(__file__).parents[2]
SEED_OF = {
    "small": ("swarm", 1),
    "full": ("stale", 1),
    "lanes": ("cap8", 1),
    "nodes": ("beyond", 4),
    "lane-nodes": ("captured", 0),
}


def knock(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_seed_of_any_simulator_gives_the_same_trace_twice(profile: str) -> None:
    kind, seed = SEED_OF[profile]
    first, second = (
        knock("--profile", profile, "--kind", kind, "--replay", str(seed)) for _ in range(2)
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert "trace" in first.stdout
    assert first.stdout == second.stdout


@pytest.mark.parametrize(
    ("profile", "mutant"),
    [
        ("small", "double PREFER"),
        ("lanes", "13 of 20 seats"),
        ("nodes", "nobody is accused"),
        ("lane-nodes", "taken back in silence"),
    ],
)
def test_a_failure_is_printed_as_the_command_that_replays_it(profile: str, mutant: str) -> None:
    done = knock("--profile", profile, "--mutant", mutant, "--seeds", "0:4")
    assert done.returncode == 1, done.stdout + done.stderr
    for figure in ("seeds", "events", "finalizations", "violations 1", "runs/s"):
        assert figure in done.stdout
    command, violation = done.stdout.splitlines()[-1].split("  # ", 1)
    again = knock(*shlex.split(command)[3:])
    assert again.returncode == 1
    assert violation[:60] in again.stdout


def test_a_kind_of_fault_that_never_occurred_fails() -> None:
    done = knock("--kind", "calm", "--seeds", "0:1")
    assert done.returncode == 1
    assert "never occurred: " in done.stdout
    assert "crash of everybody" in done.stdout


def test_what_a_profile_does_not_have_is_named() -> None:
    done = knock("--profile", "lanes", "--kind", "swarm", "--seeds", "0:1")
    assert done.returncode == 1
    assert "cap14" in done.stderr
