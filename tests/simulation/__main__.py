"""`python -m tests.simulation --seeds 0:300`: many seeds, one table, and every failing seed."""

import argparse
import sys
from contextlib import nullcontext

from tests.simulation.campaign import PROFILES, Campaign
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.runs import KINDS, run


def main() -> int:
    arguments = _parse()
    first, last = arguments.seeds
    mutant = arguments.mutant
    kinds = (arguments.kind,) if arguments.kind else PROFILES[arguments.profile]
    if mutant and not arguments.kind:
        kinds = (MUTANTS[mutant].kind,)
    with mutated(mutant) if mutant else nullcontext():
        if arguments.replay is not None:
            return _replay(arguments.replay, kinds[0])
        return _campaign(range(first, last), kinds, mutant)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_range, default=(0, 300), metavar="A:B", help="A to B-1")
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        default="small",
        help="small: the scenario of each seed; full: twelve hunts for what is rare, too",
    )
    parser.add_argument("--kind", choices=sorted(KINDS), help="one kind of scenario only")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="replace one rule by a wrong one")
    return parser.parse_args()


def _range(text: str) -> tuple[int, int]:
    first, last = (int(number) for number in text.split(":"))
    if first >= last:
        raise argparse.ArgumentTypeError(f"{text} holds no seed")
    return first, last


def _replay(seed: int, kind: str) -> int:
    result = run(seed, kind)
    print(f"seed {seed}: {result.events} events, trace {result.trace}")
    print(f"finalizations {result.finalizations}, heights {result.heights}, edges {result.edges}")
    for name, count in sorted(result.faults.items()):
        print(f"{count:>9}  {name}")
    print(result.violation or "no violation")
    return 1 if result.violation else 0


def _campaign(seeds: range, kinds: tuple[str, ...], mutant: str | None) -> int:
    """1 if a run failed, or if a kind of fault never occurred; a mutant may end at its failure."""
    campaign = Campaign(mutant)
    for _ in campaign.play(seeds, kinds):
        if mutant and campaign.failures:
            break
    print(campaign.table())
    for failure in campaign.failures:
        print(failure)
    if mutant:
        return 1 if campaign.failures else 0
    missing = campaign.missing()
    if missing:
        print(f"never occurred: {', '.join(missing)}")
    return 1 if campaign.failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
