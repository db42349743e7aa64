"""How far a long command has come: a bar on a terminal, elsewhere a line each ten seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

EVERY_S: Final = 10.0


@contextmanager
def shown_progress(
    what: str, *, now_s: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """To standard error, so that the answer can be piped."""
    if sys.stderr.isatty():
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
            task = bar.add_task(what)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _lines(what, now_s)


def _lines(what: str, now_s: Callable[[], float]) -> Callable[[int, int], None]:
    next_s = now_s() + EVERY_S

    def tell(done: int, total: int) -> None:
        nonlocal next_s
        if now_s() >= next_s:
            next_s = now_s() + EVERY_S
            click.echo(f"{what}: {done} of {total} ({100 * done // max(total, 1)} %)", err=True)

    return tell
