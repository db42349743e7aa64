"""`python -m tests.spec`: check the models, and print what consensus/spec/README.md says."""

import argparse
import sys
from fnmatch import fnmatch

from tests.spec.tlc import HOW_TO_GET_IT, IS_MISSING, Configuration, configurations, run, tools_jar

MEMORY = "6g"
TIMEOUT_S = 4 * 3600


def main() -> int:
    arguments = _parse()
    jar = tools_jar()
    if jar is None:
        print(f"error: {IS_MISSING}\nfix:   {HOW_TO_GET_IT}", file=sys.stderr)
        return 1
    chosen = [each for each in configurations() if _is_chosen(each, arguments)]
    failed = 0
    for each in chosen:
        found = run(jar, each, memory=MEMORY, timeout_s=TIMEOUT_S)
        is_right = found.ending == each.expected and each.states in (None, found.states)
        failed += not is_right
        taken = f"{found.states:>10} states {found.cpu_seconds:>6.0f} s"
        wrong = "" if is_right else f"   EXPECTED {each.expected}, {each.states} states"
        print(f"{each.name:44} {found.ending:24} {taken}{wrong}", flush=True)
    print(f"{len(chosen)} configurations, {failed} not as they must be")
    return 1 if failed or not chosen else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.spec", description=__doc__)
    parser.add_argument("name", nargs="*", help="only these configurations; * stands for anything")
    parser.add_argument("--large", action="store_true", help="also those of more than a minute")
    return parser.parse_args()


def _is_chosen(each: Configuration, arguments: argparse.Namespace) -> bool:
    if arguments.name:
        return any(fnmatch(each.name, pattern) for pattern in arguments.name)
    return each.is_small or bool(arguments.large)


if __name__ == "__main__":
    sys.exit(main())
