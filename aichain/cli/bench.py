"""`aichain bench`: how fast this machine is at what a node does."""

import os
import platform
from pathlib import Path

import click

from aichain import __version__
from aichain.cli.exit_codes import printable
from aichain.cli.options import json_option
from aichain.cli.output import show, table
from aichain.cli.values import FOLDER
from aichain.homes import data_root
from aichain.upkeep.speed import figures
from native.backends import view_engines


@click.command(short_help="Measure signatures, hashes, blocks and disk here.")
@click.option(
    "--disk", type=FOLDER, help="Where fsync is measured; else where nodes live by default."
)
@json_option
def bench(disk: Path | None, *, as_json: bool) -> None:
    """Measure signatures, hashes, execution of blocks and the disk, some ten seconds in all.

    What else runs on the machine runs against it: the figures are medians, and a busy machine shows
    in the worst ones. benchmarks/README.md has figures of whole networks.
    """
    place = _existing(disk or data_root(os.environ))
    rows = list(figures(place))
    if as_json:
        show(
            {
                "machine": {
                    "processor": _processor(),
                    "cores": os.cpu_count(),
                    "load": round(os.getloadavg()[0], 2),
                    "python": platform.python_version(),
                    "version": __version__,
                    "engine": str(view_engines()),
                    "disk": str(place),
                },
                "figures": rows,
            },
            as_json=True,
        )
        return
    click.echo(
        f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, "
        f"signatures by {view_engines()}, fsync at {place}\n"
    )
    click.echo("\n".join(table(rows)))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return printable(next(named, platform.machine()))


def _existing(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
