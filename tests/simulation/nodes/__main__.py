"""`python -m tests.simulation.nodes --seeds 0:50`: whole nodes under faults, seed after seed."""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.nodes.plan import draw_plan
from tests.simulation.nodes.world import Result, run_plan

FAULTS = (
    "crash",
    "crash of everybody",
    "chain lost",
    "index lost",
    "power lost",
    "disk full",
    "partition",
    "link deaf in one direction",
    "delay and loss",
    "clock skew",
    "slow node",
    "twin",
)


def main() -> int:
    """0 when no invariant broke and every kind of fault occurred."""
    _fix_hash_seed()
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.nodes", description=__doc__)
    parser.add_argument("--seeds", default="0:50", metavar="A:B", help="run seeds A to B-1")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        result = run_seed(arguments.replay)
        print(draw_plan(arguments.replay))
        print(result)
        return 1 if result.violation else 0
    first, last = (int(number) for number in arguments.seeds.split(":"))
    return _campaign(range(first, last))


def run_seed(seed: int) -> Result:
    """One run in a directory of its own, in memory where the machine offers that."""
    shared_memory = "/dev/shm"
    place = shared_memory if Path(shared_memory).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aichain-nodes-", dir=place) as root:
        return run_plan(draw_plan(seed), Path(root))


def _campaign(seeds: range) -> int:
    began = time.process_time()
    faults: Counter[str] = Counter()
    blocks = failures = transactions = 0
    virtual_s = 0.0
    for seed in seeds:
        result = run_seed(seed)
        faults.update(result.faults)
        blocks, transactions = blocks + result.heights, transactions + result.transactions
        virtual_s += result.virtual_s
        if result.violation:
            failures += 1
            print(f"seed {seed}: {result.violation[:400]}")
            print(f"  python -m tests.simulation.nodes --replay {seed}")
    taken = time.process_time() - began
    for kind in FAULTS:
        print(f"{faults[kind]:>9}  {kind}")
    print(
        f"seeds {len(seeds)}  blocks {blocks}  transactions {transactions}  violations {failures}"
        f"  virtual {virtual_s:.0f} s in {taken:.0f} s of CPU"
    )
    missing = [kind for kind in FAULTS if not faults[kind]]
    if missing:
        print(f"never injected: {', '.join(missing)}")
    return 1 if failures or missing else 0


def _fix_hash_seed() -> None:
    """The order of sets of names must be that of the replay."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.simulation.nodes", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})


if __name__ == "__main__":
    sys.exit(main())
