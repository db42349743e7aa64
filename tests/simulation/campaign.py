"""Many runs: what they show together, and how to see one of them again."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.simulation.faults import every_fault, missing_faults
from tests.simulation.runs import run
from tests.simulation.world import Result

PROFILES = {
    "small": ("swarm",),
    "full": (
        "swarm",
        "disks",
        "honest",
        "long",
        "forgers",
        "stale",
        "stampers",
        "wiped",
        "damaged",
        "lost",
        "calm",
        "far",
        "overrun",
    ),
}
"""Kinds of scenario that are played for each seed."""

FAILURES_MAX = 20


@dataclass(slots=True)
class Campaign:
    """The sum of runs."""

    mutant: str | None = None
    seeds: int = 0
    runs: int = 0
    events: int = 0
    finalizations: int = 0
    edges: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, result: Result) -> None:
        self.runs += 1
        self.events += result.events
        self.finalizations += result.finalizations
        self.edges += result.edges
        self.faults.update(result.faults)
        if result.violation is not None:
            command = replay_command(kind, result.seed, self.mutant)
            self.failures.append(f"{command}  # {result.violation[:300]}")

    def play(self, seeds: Iterable[int], kinds: Iterable[str]) -> Iterator[Result]:
        """One run after the other, until too many have failed."""
        kinds = tuple(kinds)
        for seed in seeds:
            self.seeds += 1
            for kind in kinds:
                began = time.process_time()
                result = run(seed, kind)
                self.seconds += time.process_time() - began
                self.add(kind, result)
                yield result
                if len(self.failures) >= FAILURES_MAX:
                    return

    def table(self) -> str:
        """How often each kind of fault occurred, and the totals."""
        rows = [f"{self.faults[kind]:>9}  {kind}" for kind in every_fault()]
        totals = (
            f"seeds {self.seeds}  runs {self.runs}  events {self.events}  "
            f"finalizations {self.finalizations}  edges {self.edges}  "
            f"violations {len(self.failures)}  {self.runs / self.seconds:.1f} runs/s  "
            f"{1e6 * self.seconds / max(1, self.events):.0f} us/event"
        )
        return "\n".join([*rows, totals])

    def missing(self) -> list[str]:
        """Kinds of faults that never occurred: the campaign has not tested them."""
        return missing_faults(self.faults)


def replay_command(kind: str, seed: int, mutant: str | None) -> str:
    wrong = f' --mutant "{mutant}"' if mutant else ""
    return f"python -m tests.simulation --kind {kind} --replay {seed}{wrong}"
