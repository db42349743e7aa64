"""Whoever does not look at a terminal is told each ten seconds, not for every step."""

import sys

import pytest

from aichain.cli.progress import EVERY_S, shown_progress


def test_a_line_each_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    with shown_progress("checking", now_s=lambda: now_s) as progress:
        for step in range(100):
            now_s = step * EVERY_S / 20
            progress(step, 100)
    told = capsys.readouterr().err.splitlines()
    assert told == [f"checking: {done} of 100 ({done} %)" for done in (20, 40, 60, 80)]


def test_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress("checking") as progress:
        progress(7, 100)
    assert "7/100" in capsys.readouterr().err
