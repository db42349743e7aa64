"""What every benchmark needs: repeats, medians, a table, one JSON object, the machine's line."""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from aichain.upkeep.timing import Row as Row
from aichain.upkeep.timing import Timing as Timing
from aichain.upkeep.timing import measure as measure
from aichain.upkeep.timing import measure_by_turns as measure_by_turns
from native.compiled import ENGINE_VARIABLE, INSTRUCTION_SETS

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("cryptography", "blake3", "msgspec", "trio", "plyvel", "libp2p")

PYTHON = "Python"
ENGINES = (PYTHON, *INSTRUCTION_SETS)
"""What makes hashes and trees: the loops that define them, and the kernels."""

Result = TypeVar("Result")


def under(name: str, work: Callable[[], Result]) -> Result:
    """What `work` returns if the hashes are made by one of ENGINES."""
    before = os.environ.get(ENGINE_VARIABLE)
    os.environ[ENGINE_VARIABLE] = "openssl" if name == PYTHON else name
    try:
        return work()
    finally:
        del os.environ[ENGINE_VARIABLE]
        if before is not None:
            os.environ[ENGINE_VARIABLE] = before


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def arguments(
    description: str, add: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """The command line of a benchmark: `--json`, `--repeats`, and what `add` adds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    parser.add_argument("--repeats", type=int, default=15, help="samples a figure (default 15)")
    if add is not None:
        add(parser)
    return parser.parse_args()


def report(name: str, rows: Sequence[Row], *, as_json: bool, **figures: object) -> None:
    """Print the rows and the single figures of a benchmark with the machine they are of."""
    if as_json:
        print(json.dumps({"benchmark": name, "machine": machine(), **figures, "rows": list(rows)}))
        return
    print(f"{name} on {machine_line()}\n")
    if rows:
        print(table(rows))
    for key, value in figures.items():
        print(f"{key}: {value}")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned columns: text to the left, numbers to the right."""
    names = list(rows[0])
    shown = [[_shown(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in shown)) for at, name in enumerate(names)]
    texts = [isinstance(rows[0][name], str) for name in names]

    def aligned(cells: Sequence[str]) -> str:
        pairs = zip(cells, widths, texts, strict=True)
        return "  ".join(
            cell.ljust(width) if text else cell.rjust(width) for cell, width, text in pairs
        ).rstrip()

    return (
        "\n".join([aligned(names), aligned(["-" * width for width in widths])])
        + "\n"
        + ("\n".join(aligned(line) for line in shown))
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what a figure was measured: without it a figure says nothing."""

    processor: str
    cores: int
    memory_gb: float
    load_1min: float
    system: str
    python: str
    libraries: dict[str, str]
    commit: str


def machine() -> dict[str, object]:
    """This machine, for the JSON object."""
    return asdict(_machine())


def machine_line() -> str:
    """This machine, in a line."""
    here = _machine()
    libraries = " ".join(f"{name} {version}" for name, version in here.libraries.items())
    return (
        f"{here.processor}, {here.cores} cores, {here.memory_gb} GB, load {here.load_1min}, "
        f"Python {here.python}, {libraries}, commit {here.commit}"
    )


def _machine() -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(memory / 1e9, 1),
        load_1min=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries=_libraries(),
        commit=_commit(),
    )


def _libraries() -> dict[str, str]:
    """Those of interest that are here: a benchmark of kernels runs without a network library."""
    versions = {}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """The commit, marked if tracked files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
