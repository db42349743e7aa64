"""A GPU in one call: first that its answers are the processor's, then what they take.

Ends with 1 if an answer differs (no figures then), with 2 if there is no GPU.
"""

import argparse
import sys
import time

from gpu_agreement import agreements
from gpu_figures import Bench, Plan
from harness import arguments, report

from native.backends import ENGINES
from native.engine import EngineFailed
from native.gpu.cupy_device import CupyDevice
from native.gpu.device import Device
from native.gpu.emulated_device import EmulatedDevice
from native.gpu.hashes import HashLimits
from native.gpu.pipeline import Limits

WHOLE = Plan(
    keys=64,
    fresh_keys=4_096,
    resident=(1_024, 4_096, 16_384, 65_536),
    from_host=(1, 64, 256, 1_024, 8_192, 65_536),
    hashes=1_000_000,
    leaves=(10_000, 1_000_000),
    vote_groups=600,
)
QUICK = Plan(
    keys=4,
    fresh_keys=4,
    resident=(4, 8),
    from_host=(1, 20),
    hashes=50,
    leaves=(33,),
    vote_groups=1,
)
"""So that the script itself is tested; its figures say nothing."""


def main() -> int:
    """Run alone: `python benchmarks/gpu_verify.py [--emulated] [--json]`."""
    options = arguments("a GPU: agreement with the processor, then figures", _options)
    try:
        device = EmulatedDevice() if options.emulated else CupyDevice()
        return _judge_and_measure(device, options)
    except EngineFailed as error:
        print(f"no GPU to measure: {error.reason}", file=sys.stderr)
        return 2


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--emulated", action="store_true", help="on this processor, lane by lane")
    parser.add_argument("--signatures", type=int, help="random ones (default: a million)")
    parser.add_argument("--seed", type=int, default=1, help="of the random ones")


def _judge_and_measure(device: Device, options: argparse.Namespace) -> int:
    if options.emulated:
        limits, hash_limits = Limits(64, 16, 65_536, 8), HashLimits(64, 65_536)
        plan, signatures, repeats = QUICK, options.signatures or 300, 1
    else:
        limits, hash_limits = Limits(), HashLimits()
        plan, signatures, repeats = WHOLE, options.signatures or 1_000_000, options.repeats
    found = []
    start = time.perf_counter()
    for agreement in agreements(device, limits, hash_limits, signatures, options.seed):
        print(f"{time.perf_counter() - start:7.1f} s  {agreement}", file=sys.stderr)
        found.append(agreement)
    if any(agreement.differ for agreement in found):
        print("answers differ: there is nothing to measure", file=sys.stderr)
        return 1
    rows = []
    for row in Bench(device, limits, hash_limits, plan).rows(repeats):
        print(
            f"{time.perf_counter() - start:7.1f} s  {row['name']}: {row['us']} us", file=sys.stderr
        )
        rows.append(row)
    report(
        "gpu_verify",
        rows,
        as_json=options.json,
        device=device.name,
        core=next(iter(ENGINES)),
        asked=sum(agreement.asked for agreement in found),
        differ=0,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
