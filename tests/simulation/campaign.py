"""Many runs: what they show together, and how to see one of them again."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

FAILURES_MAX = 20


class Outcome(Protocol):
    """What any of the simulators says of one run."""

    @property
    def seed(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def finalizations(self) -> int: ...
    @property
    def virtual_ms(self) -> int: ...
    @property
    def trace(self) -> str: ...
    @property
    def violation(self) -> str | None: ...
    @property
    def faults(self) -> Counter[str]: ...
    @property
    def extras(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Profile:
    """A simulator, and which of its kinds of scenario are played for each seed."""

    name: str
    played: tuple[str, ...]
    kinds: tuple[str, ...]
    run: Callable[[int, str], Outcome]
    every_fault: tuple[str, ...]
    """A campaign in which one of these never occurred has tested less than it says."""
    mutants: Mapping[str, str]
    """Wrong rules that can be put in place, and the kind of scenario that shows each."""
    mutated: Callable[[str], AbstractContextManager[None]]


@dataclass(slots=True)
class Campaign:
    """The sum of runs."""

    profile: Profile
    mutant: str | None = None
    seeds: int = 0
    runs: int = 0
    events: int = 0
    finalizations: int = 0
    virtual_ms: int = 0
    seconds: float = 0.0
    extras: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, result: Outcome) -> None:
        self.runs += 1
        self.events += result.events
        self.finalizations += result.finalizations
        self.virtual_ms += result.virtual_ms
        self.extras.update(result.extras)
        self.faults.update(result.faults)
        if result.violation is not None:
            command = replay_command(self.profile.name, kind, result.seed, self.mutant)
            self.failures.append(f"{command}  # {result.violation[:300]}")

    def play(self, seeds: Iterable[int], kinds: Iterable[str] = ()) -> Iterator[Outcome]:
        """One run after the other, until too many have failed."""
        kinds = tuple(kinds) or self.profile.played
        for seed in seeds:
            self.seeds += 1
            for kind in kinds:
                began = time.process_time()
                result = self.profile.run(seed, kind)
                self.seconds += time.process_time() - began
                self.add(kind, result)
                yield result
                if len(self.failures) >= FAILURES_MAX:
                    return

    def table(self) -> str:
        """How often each kind of fault occurred, and the totals."""
        others = sorted(self.faults.keys() - set(self.profile.every_fault))
        kinds = (*self.profile.every_fault, *others)
        rows = [f"{self.faults[kind]:>9}  {kind}" for kind in kinds]
        extras = "".join(f"{name} {count}  " for name, count in self.extras.items())
        totals = (
            f"seeds {self.seeds}  runs {self.runs}  events {self.events}  "
            f"finalizations {self.finalizations}  {extras}"
            f"violations {len(self.failures)}  "
            f"{self.runs / self.seconds:.1f} runs/s of {self.virtual_ms / self.runs / 1000:.1f} s  "
            f"{1e6 * self.seconds / max(1, self.events):.0f} us/event"
        )
        return "\n".join([*rows, totals])

    def missing(self) -> list[str]:
        """Kinds of faults that never occurred: the campaign has not tested them."""
        return [kind for kind in self.profile.every_fault if not self.faults[kind]]


def replay_command(profile: str, kind: str, seed: int, mutant: str | None) -> str:
    wrong = f' --mutant "{mutant}"' if mutant else ""
    return f"python -m tests.simulation --profile {profile} --kind {kind} --replay {seed}{wrong}"
