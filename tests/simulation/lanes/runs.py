"""One scenario, one seed, one run; and many of them as one row of figures."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.lanes.adversary import Rushing
from tests.simulation.lanes.scenario import BAD_SEATS, TERM_BLOCKS, Scenario
from tests.simulation.lanes.world import Result, World


def run(
    name: str,
    seed: int,
    *,
    nodes: int | None = None,
    counted: bool | None = None,
    term_blocks: int = TERM_BLOCKS,
) -> Result:
    """Play one seed of one scenario over the real lanes."""
    scenario = Scenario(name, seed, nodes=nodes, counted=counted, term_blocks=term_blocks)
    return World(scenario, Rushing).run()


def run_seed(seed: int, name: str) -> Result:
    """One seed of one scenario, as `python -m tests.simulation` asks for it."""
    return run(name, seed)


@dataclass
class Row:
    """What many seeds of one scenario show together."""

    name: str
    seeds: int = 0
    events: int = 0
    checkpoints: int = 0
    restarts: int = 0
    fast_blocks: int = 0
    virtual_ms: int = 0
    reversed_bad: list[int] = field(default_factory=list)
    reversed_late: list[int] = field(default_factory=list)
    violations: list[tuple[int, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """One more seed."""
        self.seeds += 1
        self.events += result.events
        self.checkpoints += result.checkpoints
        self.restarts += result.restarts
        self.fast_blocks += result.fast_blocks
        self.virtual_ms += result.virtual_ms
        self.faults.update(result.faults)
        if any(each.bad_seats >= BAD_SEATS for each in result.reversals):
            self.reversed_bad.append(result.seed)
        elif result.reversals:
            self.reversed_late.append(result.seed)
        if result.violation is not None:
            self.violations.append((result.seed, result.violation))

    def __str__(self) -> str:
        return (
            f"{self.name:8} seeds {self.seeds:4}  checkpoints {self.checkpoints:5}  "
            f"restarts {self.restarts:4}  fast blocks {self.fast_blocks:6}  "
            f"reversed in runs: {len(self.reversed_bad)} with >= {BAD_SEATS} bad seats, "
            f"{len(self.reversed_late)} late  violations {len(self.violations)}"
        )


def campaign(name: str, results: Iterable[Result]) -> Row:
    """Add them up."""
    row = Row(name)
    for result in results:
        row.add(result)
    return row
