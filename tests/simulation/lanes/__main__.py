"""`python -m tests.simulation.lanes --seeds 0:40 --scenario NAME`: many seeds, one row each."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from tests.simulation.lanes.mutants import MUTANTS, mutated
from tests.simulation.lanes.runs import Row, run
from tests.simulation.lanes.scenario import KINDS, TERM_BLOCKS
from tests.simulation.lanes.world import Result


def main() -> int:
    arguments = _parse()
    first, last = (int(number) for number in arguments.seeds.split(":"))
    names = sorted(KINDS) if arguments.scenario == "all" else [arguments.scenario]
    counted = {"real": False, "counted": True, "mixed": None}[arguments.votes]
    play = partial(run, nodes=arguments.nodes, counted=counted, term_blocks=arguments.term_blocks)
    with mutated(arguments.mutant) if arguments.mutant else nullcontext():
        if arguments.replay is not None:
            return _replay(names[0], arguments.replay, play)
        failed = False
        for name in names:
            row, began = Row(name), time.process_time()
            for seed in range(first, last):
                row.add(play(name, seed))
                if row.violations and arguments.mutant:
                    break
            taken = time.process_time() - began
            print(f"{row}  {taken / max(1, row.seeds):.1f} s/run", flush=True)
            for seed, violation in row.violations:
                print(f"    seed {seed}: {violation[:300]}", flush=True)
            failed = failed or bool(row.violations)
    return int(failed)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.lanes", description=__doc__)
    parser.add_argument("--seeds", default="0:10", metavar="A:B", help="run seeds A to B-1")
    parser.add_argument("--scenario", choices=[*sorted(KINDS), "all"], default="all")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="replace one rule by a wrong one")
    parser.add_argument("--nodes", type=int, help="validators, instead of 30 to 45 by the seed")
    parser.add_argument(
        "--term-blocks", type=int, default=TERM_BLOCKS, metavar="E", help="blocks of a full term"
    )
    parser.add_argument(
        "--votes",
        choices=["mixed", "counted", "real"],
        default="mixed",
        help="who counts them: the world, the cores, or the cores in every eighth seed",
    )
    return parser.parse_args()


def _replay(name: str, seed: int, play: Callable[[str, int], Result]) -> int:
    result = play(name, seed)
    print(f"{name} {seed}: {result.events} events, {result.virtual_ms} ms, trace {result.trace}")
    print(f"checkpoints {result.checkpoints}, restarts {result.restarts}")
    for kind, count in sorted(result.faults.items()):
        print(f"{count:>9}  {kind}")
    for reversal in result.reversals[:20]:
        print(f"reversed: {reversal}")
    print(result.violation or "no violation")
    return 1 if result.violation else 0


if __name__ == "__main__":
    sys.exit(main())
