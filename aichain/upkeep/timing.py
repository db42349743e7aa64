"""How long something takes here: calls repeated until they can be felt, medians of samples."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Row = dict[str, object]
"""One line of a table of figures; every row of a report has the same keys."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one operation: wall clock, and processor time of the whole process."""

    median_s: float
    low_s: float
    high_s: float
    cpu_median_s: float
    repeats: int
    operations: int

    def row(self, name: str) -> Row:
        """The usual table line, in microseconds."""
        return {
            "name": name,
            "us": round(self.median_s * 1e6, 2),
            "us_low": round(self.low_s * 1e6, 2),
            "us_high": round(self.high_s * 1e6, 2),
            "cpu_us": round(self.cpu_median_s * 1e6, 2),
            "per_second": round(1 / self.median_s),
        }


def measure(
    work: Callable[[], object], *, repeats: int, operations: int = 1, least_s: float = 0.02
) -> Timing:
    """Time `work`, which does `operations` operations a call; calls are repeated to be felt."""
    return measure_by_turns([work], repeats=repeats, operations=operations, least_s=least_s)[0]


def measure_by_turns(
    works: Sequence[Callable[[], object]],
    *,
    repeats: int,
    operations: int = 1,
    least_s: float = 0.02,
) -> list[Timing]:
    """`measure` of several whose ratios matter: their samples alternate, so that a machine that
    slows down slows all of them down."""
    calls = [1] * len(works)
    for at, work in enumerate(works):
        while _elapsed(work, calls[at])[0] < least_s:
            calls[at] *= 2
    samples = [[_elapsed(*pair) for pair in zip(works, calls, strict=True)] for _ in range(repeats)]
    timings = []
    for at in range(len(works)):
        each = calls[at] * operations
        wall = sorted(sample[at][0] / each for sample in samples)
        cpu = statistics.median(sample[at][1] / each for sample in samples)
        timings.append(Timing(statistics.median(wall), wall[0], wall[-1], cpu, repeats, operations))
    return timings


def _elapsed(work: Callable[[], object], calls: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        work()
    return time.perf_counter() - wall, time.process_time() - cpu
