"""Many runs: what they show together, and how to see one of them again."""

import time
from collections import Counter, defaultdict
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
    kinds: Mapping[str, str]
    """All of them, and in one line what each is."""
    run: Callable[..., Outcome]
    """Of a seed, a kind, and options by name."""
    every_fault: tuple[str, ...]
    """A campaign in which one of these never occurred has tested less than it says."""
    mutants: Mapping[str, str]
    """Wrong rules that can be put in place, and the kind of scenario that shows each."""
    mutated: Callable[[str], AbstractContextManager[None]]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Numbers that a run may be given, and the kinds that have a use for each."""


@dataclass(slots=True)
class Figures:
    """The sum of some runs."""

    runs: int = 0
    events: int = 0
    finalizations: int = 0
    violations: int = 0
    virtual_ms: int = 0
    seconds: float = 0.0
    extras: Counter[str] = field(default_factory=Counter)

    def add(self, result: Outcome, seconds: float) -> None:
        self.runs += 1
        self.events += result.events
        self.finalizations += result.finalizations
        self.violations += result.violation is not None
        self.virtual_ms += result.virtual_ms
        self.seconds += seconds
        self.extras.update(result.extras)

    def __str__(self) -> str:
        extras = "".join(f"{name} {count}  " for name, count in self.extras.items())
        return (
            f"runs {self.runs}  events {self.events}  finalizations {self.finalizations}  {extras}"
            f"violations {self.violations}  "
            f"{self.runs / self.seconds:.1f} runs/s of {self.virtual_ms / self.runs / 1000:.1f} s  "
            f"{1e6 * self.seconds / max(1, self.events):.0f} us/event"
        )


@dataclass(slots=True)
class Campaign:
    """Runs of one profile, one after the other."""

    profile: Profile
    mutant: str | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    seeds: int = 0
    total: Figures = field(default_factory=Figures)
    by_kind: defaultdict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, result: Outcome, seconds: float = 0.0) -> None:
        self.total.add(result, seconds)
        self.by_kind[kind].add(result, seconds)
        self.faults.update(result.faults)
        if result.violation is not None:
            again = self.replay_command(kind, result.seed)
            self.failures.append(f"{again}  # trace {result.trace}: {result.violation[:300]}")

    def play(self, seeds: Iterable[int], kinds: Iterable[str] = ()) -> Iterator[Outcome]:
        """One run after the other, until too many have failed."""
        kinds = tuple(kinds) or self.profile.played
        for seed in seeds:
            self.seeds += 1
            for kind in kinds:
                began = time.process_time()
                result = self.profile.run(seed, kind, **self.options)
                self.add(kind, result, time.process_time() - began)
                yield result
                if len(self.failures) >= FAILURES_MAX:
                    return

    def table(self) -> str:
        """How often each kind of fault occurred, the figures of each kind, and their sum."""
        others = sorted(self.faults.keys() - set(self.profile.every_fault))
        faults = [
            f"{self.faults[each]:>9}  {each}" for each in (*self.profile.every_fault, *others)
        ]
        kinds = [f"{kind}: {figures}" for kind, figures in self.by_kind.items()]
        if len(kinds) == 1:
            kinds = []
        return "\n".join([*faults, *kinds, f"seeds {self.seeds}  {self.total}"])

    def missing(self) -> list[str]:
        """Kinds of faults that never occurred: the campaign has not tested them."""
        return [kind for kind in self.profile.every_fault if not self.faults[kind]]

    def replay_command(self, kind: str, seed: int) -> str:
        """What plays this very run again."""
        options = "".join(f" {flag(name)} {number}" for name, number in self.options.items())
        wrong = f' --mutant "{self.mutant}"' if self.mutant else ""
        profile = f"--profile {self.profile.name} --kind {kind}{options}"
        return f"python -m tests.simulation {profile} --replay {seed}{wrong}"


def flag(option: str) -> str:
    """As it is written on the command line."""
    return f"--{option.replace('_', '-')}"
