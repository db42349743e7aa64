"""`python -m tests.simulation.nodes --seeds 0:50`: whole nodes under faults, seed after seed."""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.simulation.nodes.lane_plan import LANE_KINDS, draw_lane_plan
from tests.simulation.nodes.lane_runs import LANE_FAULTS
from tests.simulation.nodes.plan import HEAL_S, Plan, draw_plan
from tests.simulation.nodes.play import Result, run_plan
from tests.simulation.nodes.runs import FAULTS, fix_hash_seed

ENOUGH_SEEDS = 16


def main() -> int:
    """0 when no invariant broke and every kind of fault occurred."""
    fix_hash_seed("tests.simulation.nodes")
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.nodes", description=__doc__)
    parser.add_argument("--seeds", default="0:50", metavar="A:B", help="run seeds A to B-1")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--lanes", action="store_true", help="with two lanes, few nodes")
    parser.add_argument("--kind", choices=list(LANE_KINDS), help="with two lanes: one of these")
    parser.add_argument("--founders", type=int, metavar="N", help="with two lanes, as in life")
    parser.add_argument("--heal", type=float, default=HEAL_S, help="seconds until faults end")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        plan = drawn_by(arguments)(arguments.replay)
        result = run_seed(plan)
        print(plan)
        print(result)
        return 1 if result.violation else 0
    first, last = (int(number) for number in arguments.seeds.split(":"))
    return _campaign(range(first, last), drawn_by(arguments), _expected(arguments))


def drawn_by(arguments: argparse.Namespace) -> Callable[[int], Plan]:
    """How a seed becomes a plan."""
    if arguments.kind:
        return LANE_KINDS[arguments.kind]
    if arguments.lanes or arguments.founders:
        return partial(draw_lane_plan, founders=arguments.founders, heal_s=arguments.heal)
    return draw_plan


def _expected(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The faults that many seeds must have brought; a few runs with many nodes owe none."""
    first, last = (int(number) for number in arguments.seeds.split(":"))
    if arguments.founders or arguments.kind or last - first < ENOUGH_SEEDS:
        return ()
    return LANE_FAULTS if arguments.lanes else FAULTS


def run_seed(plan: Plan) -> Result:
    """One run in a directory of its own, in memory where the machine offers that."""
    shared_memory = "/dev/shm"
    place = shared_memory if Path(shared_memory).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aichain-nodes-", dir=place) as root:
        return run_plan(plan, Path(root))


def _campaign(seeds: range, draw: Callable[[int], Plan], expected: tuple[str, ...]) -> int:
    began = time.process_time()
    faults: Counter[str] = Counter()
    blocks = failures = transactions = 0
    restarts, virtual_s = 0, 0.0
    for seed in seeds:
        result = run_seed(draw(seed))
        faults.update(result.faults)
        blocks, transactions = blocks + result.heights, transactions + result.transactions
        virtual_s, restarts = virtual_s + result.virtual_s, restarts + result.restarts
        if result.violation:
            failures += 1
            print(f"seed {seed}: {result.violation[:400]}")
            flags = " ".join(flag for flag in sys.argv[1:] if flag.startswith("--lanes"))
            print(f"  python -m tests.simulation.nodes {flags} --replay {seed}")
    taken = time.process_time() - began
    for kind in expected or sorted(faults):
        print(f"{faults[kind]:>9}  {kind}")
    print(
        f"seeds {len(seeds)}  blocks {blocks}  restarts {restarts}"
        f"  transactions {transactions}  violations {failures}"
        f"  virtual {virtual_s:.0f} s in {taken:.0f} s of CPU"
    )
    missing = [kind for kind in expected if not faults[kind]]
    if missing:
        print(f"never injected: {', '.join(missing)}")
    return 1 if failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
