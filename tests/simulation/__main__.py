"""`python -m tests.simulation --seeds 0:300`: many seeds, one table, and every failing seed."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext

from tests.simulation.faults import every_fault, missing_faults
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.runs import RUNS
from tests.simulation.world import Result

SHOWN_VIOLATIONS = 20


def main() -> int:
    arguments = _parse()
    first, last = (int(number) for number in arguments.seeds.split(":"))
    run = RUNS[arguments.kind]
    with mutated(arguments.mutant) if arguments.mutant else nullcontext():
        if arguments.replay is not None:
            return _replay(run, arguments.replay)
        return _campaign(run, range(first, last), must_fail=bool(arguments.mutant))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:300", metavar="A:B", help="run seeds A to B-1")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="replace one rule by a wrong one")
    parser.add_argument("--kind", choices=sorted(RUNS), default="swarm", help="kind of scenario")
    return parser.parse_args()


def _replay(run: Callable[[int], Result], seed: int) -> int:
    result = run(seed)
    print(f"seed {seed}: {result.events} events, trace {result.trace}")
    print(f"finalizations {result.finalizations}, heights {result.heights}, edges {result.edges}")
    for kind, count in sorted(result.faults.items()):
        print(f"{count:>9}  {kind}")
    print(result.violation or "no violation")
    return 1 if result.violation else 0


def _campaign(run: Callable[[int], Result], seeds: range, *, must_fail: bool) -> int:
    began = time.process_time()
    faults: Counter[str] = Counter()
    events = finalizations = edges = 0
    violations: list[Result] = []
    for seed in seeds:
        result = run(seed)
        faults.update(result.faults)
        events += result.events
        finalizations += result.finalizations
        edges += result.edges
        if result.violation:
            violations.append(result)
            print(f"seed {seed}: {result.violation[:400]}")
            if must_fail or len(violations) >= SHOWN_VIOLATIONS:
                break
    taken = time.process_time() - began
    for kind in every_fault():
        print(f"{faults[kind]:>9}  {kind}")
    print(
        f"seeds {len(seeds)}  events {events}  finalizations {finalizations}  edges {edges}  "
        f"violations {len(violations)}  {len(seeds) / taken:.1f} runs/s  "
        f"{1e6 * taken / max(1, events):.0f} us/event"
    )
    missing = missing_faults(faults)
    if missing and not must_fail:
        print(f"never injected: {', '.join(missing)}")
    return 1 if violations or missing else 0


if __name__ == "__main__":
    sys.exit(main())
