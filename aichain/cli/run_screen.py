"""The last lines of the terminal while a node is behind; log lines go by above them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from aichain.cli.terminals import can_redraw
from aichain.node.progress import Progress, Task

BAR: Final = 24


def run_screen() -> "RunScreen | None":
    """Of the terminal that the log goes to; None where it goes elsewhere."""
    console = Console(stderr=True)
    return RunScreen(console) if can_redraw(console) and sys.stderr.isatty() else None


class RunScreen:
    """Draws when it is told to, on the caller's thread: nothing of it moves by itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._is_gone = False
        self.log_stream = _AboveLive(self, console.file)

    def show(self, tasks: Sequence[Progress]) -> None:
        """In the place of what was shown before; nothing takes it away."""
        if self._is_gone:
            return
        with self._while_there():
            if not tasks:
                self._stop()
                return
            if self._live is None:
                self._live = _live(self._console)
                self._live.start()
            self._live.update(render_progress(tasks), refresh=True)

    def write(self, lines: str) -> bool:
        """Put whole lines above what is shown; False where nothing is."""
        if self._live is None or self._is_gone:
            return False
        with self._while_there():
            self._console.out(lines, end="", highlight=False)
        return True

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def _while_there(self) -> Iterator[None]:
        """A terminal that was closed takes the picture with it, and not the node."""
        try:
            yield
        except OSError:
            self._is_gone, self._live = True, None


def render_progress(tasks: Sequence[Progress]) -> Group:
    """A line for each task: a bar, and its figures."""
    return Group(*(_line(each) for each in tasks))


def progress_text(task: Progress) -> str:
    """`1200 of 5000  310.0 blocks/s  13 s left`"""
    if task.task is Task.LOOKING:
        return f"at height {task.done} of {task.total}"
    unit = "parts" if task.task in (Task.FETCHING, Task.CHECKING) else "blocks"
    words = [f"{task.done} of {task.total}"]
    if task.per_s is not None:
        words.append(f"{task.per_s:.1f} {unit}/s")
        words.append("falling behind" if task.left_s is None else f"{_time(task.left_s)} left")
    return "  ".join(words)


def _line(task: Progress) -> Table:
    line = Table.grid(padding=(0, 1))
    for _ in range(3):
        line.add_column(no_wrap=True)
    bar = ProgressBar(total=max(task.total, 1), completed=task.done, width=BAR)
    line.add_row(task.task.value, bar, progress_text(task))
    return line


def _time(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _live(console: Console) -> Live:
    return Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class _AboveLive:
    """What a log handler writes to."""

    def __init__(self, screen: RunScreen, below: IO[str]) -> None:
        self._screen = screen
        self._below = below

    def write(self, text: str, /) -> None:
        if not self._screen.write(text):
            self._below.write(text)

    def flush(self) -> None:
        self._below.flush()
