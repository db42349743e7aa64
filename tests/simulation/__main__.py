"""`python -m tests.simulation --seeds 0:300`: many seeds, one table, and every failing seed."""

import argparse
import logging
import sys
from contextlib import nullcontext

from tests.simulation.campaign import Campaign, Outcome, Profile
from tests.simulation.nodes.runs import fix_hash_seed
from tests.simulation.profiles import PROFILES, WHOLE_NODES


def main() -> int:
    arguments = _parse()
    profile, mutant = PROFILES[arguments.profile], arguments.mutant
    if profile in WHOLE_NODES:
        fix_hash_seed("tests.simulation")
        logging.disable(logging.CRITICAL)
    _check(profile.kinds, arguments.kind, "kind")
    _check(profile.mutants, mutant, "mutant")
    kinds = (arguments.kind,) if arguments.kind else profile.played
    if mutant and not arguments.kind:
        kinds = (profile.mutants[mutant],)
    with profile.mutated(mutant) if mutant else nullcontext():
        if arguments.replay is not None:
            return _replay(profile, arguments.replay, kinds[0])
        first, last = arguments.seeds
        return _campaign(profile, range(first, last), kinds, mutant)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_range, default=(0, 300), metavar="A:B", help="A to B-1")
    parser.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="small",
        help="small: the core in the scenario of each seed; full: twelve hunts for what is rare, "
        "too; lanes: two lanes, every scenario; nodes: whole nodes in virtual time; "
        "lane-nodes: whole nodes with two lanes",
    )
    parser.add_argument("--kind", metavar="KIND", help="one kind of scenario of the profile only")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--mutant", metavar="NAME", help="replace one rule by a wrong one")
    return parser.parse_args()


def _range(text: str) -> tuple[int, int]:
    first, last = (int(number) for number in text.split(":"))
    if first >= last:
        raise argparse.ArgumentTypeError(f"{text} holds no seed")
    return first, last


def _check(known: object, name: str | None, what: str) -> None:
    names = sorted(known) if isinstance(known, dict | tuple) else []
    if name is not None and name not in names:
        sys.exit(f"no {what} {name!r} in this profile; there are: {', '.join(names)}")


def _replay(profile: Profile, seed: int, kind: str) -> int:
    result = profile.run(seed, kind)
    print(f"{kind} {seed}: {result.events} events, trace {result.trace}")
    print("  ".join(f"{name} {count}" for name, count in _counts(result).items()))
    for name, count in sorted(result.faults.items()):
        print(f"{count:>9}  {name}")
    print(result.violation or "no violation")
    return 1 if result.violation else 0


def _counts(result: Outcome) -> dict[str, int]:
    return {"finalizations": result.finalizations, **result.extras}


def _campaign(profile: Profile, seeds: range, kinds: tuple[str, ...], mutant: str | None) -> int:
    """1 if a run failed, or if a kind of fault never occurred; a mutant may end at its failure."""
    campaign = Campaign(profile, mutant)
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
