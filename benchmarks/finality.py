"""Four validators on loopback: block interval, proposal to final on all, submission to final."""

import argparse
import time

from cluster import Cluster, Usage, cluster, finality_rows, latency_row
from harness import Row, arguments, report
from subscriber import Subscriber

from aichain.cli.load import LoadPlan, LoadReport, run_load

WARM_HEIGHTS = 6


def main() -> None:
    """Idle first, then under a load."""
    options = arguments("Finality of a local network", _add)
    with cluster(options.validators) as net:
        net.wait_for(WARM_HEIGHTS)
        with Subscriber(net.urls) as seen:
            first, before = net.height() + 1, Usage.of(net.pids())
            time.sleep(options.seconds)
            last, after = net.height(), Usage.of(net.pids())
            time.sleep(1.0)
        rows = [{"load": "idle", **row} for row in finality_rows(net, seen, first, last)]
        figures: dict[str, object] = {
            "validators": options.validators,
            "idle_cpu_percent_per_node": [round(each, 1) for each in after.cores_since(before)],
            "memory_mb_per_node": [round(each) for each in after.memory_mb],
        }
        if options.load:
            plan = LoadPlan(net.urls, "testnet", options.load, seconds=options.seconds)
            before = Usage.of(net.pids())
            with Subscriber(net.urls) as seen:
                first = net.height() + 1
                outcome = run_load(plan, lambda _line: None)
                last, after = net.height(), Usage.of(net.pids())
                time.sleep(1.0)
            name = f"{options.load:g} tx/s"
            rows += [{"load": name, **row} for row in finality_rows(net, seen, first, last)]
            rows.append({"load": name, **_submit_row(net, seen, outcome)})
            figures["load"] = outcome.as_json()
            figures["load_cpu_percent_per_node"] = [
                round(each, 1) for each in after.cores_since(before)
            ]
    report("finality", rows, as_json=options.json, **figures)


def _submit_row(net: Cluster, seen: Subscriber, outcome: LoadReport) -> Row:
    """From just before the POST until a client of every node has heard of the final block."""
    told: dict[int, int] = {}
    for height in set(outcome.heights):
        if all(height in each for each in seen.arrivals):
            stamp_ms = int(net.block(0, height)["finalizedAtMs"])
            told[height] = max(each[height] for each in seen.arrivals) - stamp_ms
    pairs = list(zip(outcome.latencies_ms, outcome.heights, strict=True))
    values = [latency_ms + told[height] for latency_ms, height in pairs if height in told]
    missed = outcome.accepted - len(values)
    return latency_row("submitted over RPC to seen final by clients of all nodes", values, missed)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each part (default 60)")
    parser.add_argument("--load", type=float, default=50.0, help="transfers a second; 0 for none")


if __name__ == "__main__":
    main()
