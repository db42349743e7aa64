"""`python -m tests.simulation --seeds 0:300`: many seeds, one table, and every failing seed."""

import argparse
import logging
import sys
from collections.abc import Mapping
from contextlib import nullcontext

from tests.simulation.campaign import Campaign, Outcome, Profile, flag
from tests.simulation.nodes.runs import fix_hash_seed
from tests.simulation.profiles import PROFILES, WHOLE_NODES

OPTIONS = {
    "nodes": "validators, instead of 30 to 45 by the seed (profile lanes)",
    "term_blocks": "blocks of a full term, instead of 4 (profile lanes)",
    "founders": "validators, more than 20 as in life (profile lane-nodes, kind swarm)",
}


def main() -> int:
    arguments = _parse()
    profile, mutant = PROFILES[arguments.profile], arguments.mutant
    if arguments.list:
        return _list(profile)
    if profile in WHOLE_NODES:
        fix_hash_seed("tests.simulation")
        logging.disable(logging.CRITICAL)
    options = {name: each for name in OPTIONS if (each := getattr(arguments, name)) is not None}
    kinds = _kinds(profile, arguments.kind, mutant, options)
    with profile.mutated(mutant) if mutant else nullcontext():
        if arguments.replay is not None:
            return _replay(profile, arguments.replay, kinds[0], options)
        return _campaign(Campaign(profile, mutant, options), range(*arguments.seeds), kinds)


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
    parser.add_argument("--list", action="store_true", help="its kinds of scenario and its mutants")
    parser.add_argument(
        *("--kind", "--scenario"), metavar="KIND", help="one kind of scenario of the profile only"
    )
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show it")
    parser.add_argument("--mutant", metavar="NAME", help="replace one rule by a wrong one")
    for name, what in OPTIONS.items():
        parser.add_argument(flag(name), type=int, metavar="N", help=what)
    return parser.parse_args()


def _range(text: str) -> tuple[int, int]:
    first, last = (int(number) for number in text.split(":"))
    if first >= last:
        raise argparse.ArgumentTypeError(f"{text} holds no seed")
    return first, last


def _list(profile: Profile) -> int:
    print("kinds of scenario:")
    for kind, what in profile.kinds.items():
        print(f"  {kind:10}  {what}")
    print("mutants, and the kind of scenario that shows each:")
    for mutant, kind in profile.mutants.items():
        print(f"  {mutant}: {kind}")
    return 0


def _kinds(
    profile: Profile, kind: str | None, mutant: str | None, options: Mapping[str, int]
) -> tuple[str, ...]:
    """What is played for each seed; whoever asks for what is not there is told what is."""
    _check(profile.kinds, kind, "kind")
    _check(profile.mutants, mutant, "mutant")
    for option in options:
        _check(profile.options, option, "option")
    asked = kind or (profile.mutants[mutant] if mutant else None)
    able = tuple(
        each
        for each in ((asked,) if asked else profile.played)
        if all(each in profile.options[option] for option in options)
    )
    if not able:
        sys.exit(f"kind {asked!r} has no use for {', '.join(map(flag, options))}")
    return able


def _check(known: Mapping[str, object], name: str | None, what: str) -> None:
    if name is not None and name not in known:
        there_are = ", ".join(sorted(known)) or "none"
        sys.exit(f"no {what} {name!r} in this profile; there are: {there_are}")


def _replay(profile: Profile, seed: int, kind: str, options: Mapping[str, int]) -> int:
    result = profile.run(seed, kind, **options)
    print(f"{kind} {seed}: {result.events} events, trace {result.trace}")
    print("  ".join(f"{name} {count}" for name, count in _counts(result).items()))
    for name, count in sorted(result.faults.items()):
        print(f"{count:>9}  {name}")
    print(result.violation or "no violation")
    return 1 if result.violation else 0


def _counts(result: Outcome) -> dict[str, int]:
    return {"finalizations": result.finalizations, **result.extras}


def _campaign(campaign: Campaign, seeds: range, kinds: tuple[str, ...]) -> int:
    """1 if a run failed, or if a kind of fault never occurred; a mutant may end at its failure."""
    for _ in campaign.play(seeds, kinds):
        if campaign.mutant and campaign.failures:
            break
    print(campaign.table())
    for failure in campaign.failures:
        print(failure)
    if campaign.mutant:
        return 1 if campaign.failures else 0
    missing = campaign.missing()
    if missing:
        print(f"never occurred: {', '.join(missing)}")
    return 1 if campaign.failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
