"""The highest rate of signed transfers that stays final on all nodes without a growing pool."""

import argparse

from cluster import Cluster, Usage, cluster, finality_rows
from harness import Row, arguments, report

from aichain.cli.load import LoadPlan, LoadReport, run_load

WARM_HEIGHTS = 6
SUSTAINED_SHARE = 0.98
"""Of the offered rate, over the time from the first submission to the last final block."""


def main() -> None:
    """Try the rates upwards; the last one that is sustained is the result."""
    options = arguments("Sustained throughput of a local network", _add)
    rows: list[Row] = []
    best = 0.0
    with cluster(options.validators) as net:
        net.wait_for(WARM_HEIGHTS)
        for rate in options.rates:
            row, sustained = _try(net, rate, options.seconds)
            rows.append(row)
            if not sustained:
                break
            best = rate
    report(
        "throughput",
        rows,
        as_json=options.json,
        validators=options.validators,
        seconds_per_rate=options.seconds,
        sustained_tx_per_s=best,
    )


def _try(net: Cluster, rate: float, seconds: float) -> tuple[Row, bool]:
    plan = LoadPlan(
        net.urls,
        "testnet",
        rate,
        senders=max(100, int(rate)),
        seconds=seconds,
        sign_ahead=int(rate * seconds),
        seed=str(rate).encode(),
    )
    first = net.height()
    before = Usage.of(net.pids())
    outcome = run_load(plan, lambda _line: None)
    after = Usage.of(net.pids())
    last = net.height()
    net.wait_for(last)
    final = finality_rows(net, first, last)[1]
    pooled = max(int(client.call("aichain_mempool", 0)["count"]) for client in net.clients)
    sustained = (
        outcome.final == outcome.accepted
        and outcome.final >= SUSTAINED_SHARE * rate * seconds
        and pooled == 0
    )
    return _row(rate, outcome, before, after) | {
        "propose_to_final_p99_ms": final["p99_ms"],
        "left_in_pool": pooled,
        "sustained": str(sustained),
    }, sustained


def _row(rate: float, outcome: LoadReport, before: Usage, after: Usage) -> Row:
    cpu_s = sum(after.cpu_s) - sum(before.cpu_s)
    return {
        "offered_tx_s": rate,
        "final": outcome.final,
        "final_tx_s": round(outcome.final_per_s, 1),
        "submit_p50_ms": outcome.latency_ms(50),
        "submit_p99_ms": outcome.latency_ms(99),
        "cpu_ms_per_tx_per_node": round(1000 * cpu_s / max(1, outcome.final) / len(after.cpu_s), 2),
    }


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0, help="at each rate (default 60)")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[100, 150, 200, 250, 300, 350, 400]
    )


if __name__ == "__main__":
    main()
