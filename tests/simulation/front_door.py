"""The simulators as whoever runs them does: one command in a process of its own, and its table."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def knock(*arguments: str, timeout_s: int = 1_800) -> subprocess.CompletedProcess[str]:
    """Run the front door to its end."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


def play_unbroken(*arguments: str) -> set[str]:
    """A campaign without a violation; the kinds of faults that occurred."""
    done = knock(*arguments)
    lines = done.stdout.splitlines()
    totals = [line for line in lines if line.startswith("seeds ")]
    assert [line for line in totals if " violations 0 " in line], done.stdout + done.stderr
    rows = [line.strip().split("  ", 1) for line in lines]
    return {row[1] for row in rows if len(row) == 2 and row[0].isdigit() and row[0] != "0"}
