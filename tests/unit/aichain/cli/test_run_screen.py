"""A node that is behind, on a terminal: bars below the log, which goes by above them."""

import errno
import io
import logging
import os
import pty
import sys

import pytest
from rich.console import Console

from aichain.cli.run_screen import RunScreen, progress_text, run_screen
from aichain.logs import LogStyle, configure_logging
from aichain.node.progress import Progress, Task

SYNC = Progress(Task.SYNCING, 1200, 5000, 310.0, 13)
INDEX = Progress(Task.INDEXING, 256, 1200)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (SYNC, "1200 of 5000  310.0 blocks/s  13 s left"),
        (INDEX, "256 of 1200"),
        (Progress(Task.FETCHING, 3, 40, 2.0, 119), "3 of 40  2.0 parts/s  1 min 59 s left"),
        (Progress(Task.SYNCING, 1, 9, 1.0, 7300), "1 of 9  1.0 blocks/s  2 h 1 min left"),
        (Progress(Task.SYNCING, 1, 9, 1.0, None), "1 of 9  1.0 blocks/s  falling behind"),
        (Progress(Task.LOOKING, 0, 900), "at height 0 of 900"),
    ],
)
def test_the_figures_of_a_task(task: Progress, text: str) -> None:
    assert progress_text(task) == text


@pytest.fixture
def page() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(page: io.StringIO) -> RunScreen:
    return RunScreen(Console(file=page, force_terminal=True, width=90, color_system=None))


def test_lines_below_the_log_that_go_when_the_node_is_level(
    screen: RunScreen, page: io.StringIO
) -> None:
    screen.show([SYNC, INDEX])
    drawn = page.getvalue()
    assert "syncing blocks" in drawn
    assert "310.0 blocks/s" in drawn
    assert "256 of 1200" in drawn
    page.truncate(0)
    screen.log_stream.write("12:00:00.000 info  node.engine  [bold]block[/]\n")
    assert page.getvalue().index("[bold]block[/]\n") < page.getvalue().index("syncing blocks")
    page.truncate(0)
    screen.show([])
    assert "\x1b[2K" in page.getvalue(), "the lines are taken away"
    assert "\x1b[?25h" in page.getvalue(), "and the cursor is back"
    page.truncate(0)
    screen.show([])
    screen.log_stream.write("alone\n")
    assert page.getvalue().strip("\0") == "alone\n"


class Gone(io.StringIO):
    is_gone = False

    def write(self, text: str) -> int:
        if self.is_gone:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


def test_a_terminal_that_is_closed_does_not_take_the_node_with_it() -> None:
    page = Gone()
    screen = RunScreen(Console(file=page, force_terminal=True, width=90))
    configure_logging(LogStyle.HUMAN, "info", screen.log_stream)
    try:
        screen.show([SYNC])
        page.is_gone = True
        screen.show([INDEX])
        logging.getLogger("aichain.node.engine").warning("nobody reads this")
        screen.show([])
    finally:
        for handler in logging.getLogger().handlers[:]:
            if getattr(handler, "stream", None) is screen.log_stream:
                logging.getLogger().removeHandler(handler)


def test_who_does_not_look_at_a_terminal_gets_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_screen() is None
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", 0), os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert run_screen() is not None
        monkeypatch.setenv("TERM", "dumb")
        assert run_screen() is None
