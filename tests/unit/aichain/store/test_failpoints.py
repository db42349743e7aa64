"""Crash points kill where they were told to, and nowhere else."""

import os
import signal
import time

import pytest

from aichain.errors import ConfigError
from aichain.store.failpoints import FAIL_AT, SYNCED, FailPoints, slowly

STEPS = ["a", "b", "c", "a", "b", "c"]


@pytest.mark.parametrize(
    ("rule", "dies_at"),
    [("", None), ("1", 0), ("3", 2), ("6", 5), ("7", None), ("b", 1), ("b:2", 4), ("d", None)],
)
def test_the_rule_says_where(
    rule: str, dies_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    monkeypatch.setenv(FAIL_AT, rule)
    reached = FailPoints.from_environment()
    died: list[int] = []
    for step, name in enumerate(STEPS):
        reached(name)
        died.extend([step] if len(killed) > len(died) else [])
    assert died == ([] if dies_at is None else [dies_at])
    assert killed == [(os.getpid(), signal.SIGKILL)] * len(died)


def test_a_rule_that_cannot_be_read_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        FailPoints("bodies written:soon")


def test_a_slow_disk_holds_up_the_steps_that_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[object] = []
    monkeypatch.setattr(time, "sleep", log.append)
    reached = slowly(log.append, 0.25)
    steps = ("bodies appended", "bodies written", "state written", "index written")
    assert set(steps) >= SYNCED
    for step in steps:
        reached(step)
    assert log == [0.25, steps[0], steps[1], 0.25, steps[2], steps[3]]
