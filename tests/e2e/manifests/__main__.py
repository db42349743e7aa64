"""`python -m tests.e2e.manifests --seed 7`: write a manifest; `--run FILE`: do what it says."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.e2e.manifests.manifest import generate, parse, render
from tests.e2e.manifests.previous import NoUpgrade
from tests.e2e.manifests.run import run_manifest


def main() -> int:
    """0 when everything held; 1 when it did not; 2 where there is nothing to upgrade from."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.manifests", description=__doc__)
    parser.add_argument("--seed", type=int, help="print the manifest of this seed")
    parser.add_argument("--rounds", type=int, default=6, help="perturbations in it")
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--run", metavar="FILE", help="run a manifest; - reads it from stdin")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the network's files there")
    options = parser.parse_args()
    if options.run is None:
        if options.seed is None:
            parser.error("give --seed N, or --run FILE")
        manifest = generate(options.seed, rounds=options.rounds, validators=options.validators)
        print(render(manifest), end="")
        return 0
    text = sys.stdin.read() if options.run == "-" else Path(options.run).read_text()
    with tempfile.TemporaryDirectory(prefix="aichain-manifest-") as folder:
        return _run(text, options.keep or Path(folder))


def _run(text: str, folder: Path) -> int:
    try:
        report = run_manifest(parse(text), folder, print)
    except NoUpgrade as reason:
        print(f"skipped: {reason}")
        return 2
    except AssertionError as error:
        print(f"BROKEN: {error}")
        return 1
    for what, seconds in report.recoveries_s:
        print(f"{seconds:8.1f} s until the chain went on after: {what}")
    print(
        f"held: {report.height} heights, {report.transactions} transactions alike on all nodes"
        f" in {report.seconds:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
