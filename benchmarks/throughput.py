"""The highest rate of signed transfers that stays final on all nodes without a growing pool."""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from cluster import Cluster, Usage, cluster, finality_rows
from harness import Row, arguments, report
from subscriber import Subscriber

from aichain.cli.client import RpcClient
from aichain.cli.load import LoadPlan, LoadReport, run_load
from native.compiled import ENGINE_VARIABLE

WARM_HEIGHTS = 6
DEFAULT_ENGINE = "default"
SUSTAINED_SHARE = 0.97
"""Of the offered rate that must become final, from the first submission to the last final block."""
POOL_SAMPLE_S = 0.5
LEVEL_S = 2.0
"""So soon after the load every node has committed its last block, or it was not sustained."""


def main() -> None:
    """Try the rates upwards; the last one that is sustained is the result.

    With engines to compare each has networks of its own, taking turns, so that what else the
    machine does falls on all of them.
    """
    options = arguments("Sustained throughput of a local network", _add)
    rows: list[Row] = []
    best: dict[str, list[float]] = {name: [] for name in options.engines}
    for turn in range(options.turns):
        for name in options.engines if turn % 2 == 0 else reversed(options.engines):
            tried, sustained = _climb(name, options)
            rows += [{"turn": turn + 1, "engine": name} | row for row in tried]
            best[name].append(sustained)
    report(
        "throughput",
        rows,
        as_json=options.json,
        validators=options.validators,
        seconds_per_rate=options.seconds,
        sustained_tx_per_s=best,
    )


def _climb(engine: str, options: argparse.Namespace) -> tuple[list[Row], float]:
    """Rows of one network on one engine, and the highest rate it sustained."""
    rows: list[Row] = []
    best = 0.0
    with _named(engine), cluster(options.validators) as net:
        net.wait_for(WARM_HEIGHTS)
        for rate in options.rates:
            row, sustained = _try(net, rate, options.seconds)
            rows.append(row)
            if not sustained:
                break
            best = rate
    return rows, best


@contextmanager
def _named(engine: str) -> Iterator[None]:
    """The nodes that are started meanwhile use it; this process signs only."""
    name = "" if engine == DEFAULT_ENGINE else engine
    before = os.environ.get(ENGINE_VARIABLE)
    os.environ[ENGINE_VARIABLE] = name
    try:
        yield
    finally:
        os.environ.pop(ENGINE_VARIABLE)
        if before is not None:
            os.environ[ENGINE_VARIABLE] = before


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
    before = Usage.of(net.pids())
    with PoolSampler(net.urls) as pool, Subscriber(net.urls) as seen:
        first = net.height() + 1
        outcome = run_load(plan, lambda _line: None)
        after, last = Usage.of(net.pids()), net.height()
        level_s = net.level_after_s(last, LEVEL_S)
        time.sleep(1.0)
    final = finality_rows(net, seen, first, last)[1]
    growth = pool.growth(outcome.started_ms, outcome.ended_ms)
    sustained = (
        outcome.final == outcome.accepted
        and level_s is not None
        and final["missed"] == 0
        and outcome.final_per_s >= SUSTAINED_SHARE * rate
        and growth <= rate  # a second's worth: less than two blocks of difference between halves
    )
    return _row(rate, outcome, before, after) | {
        "propose_to_final_p99_ms": final["p99_ms"],
        "missed": final["missed"],
        "all_level_s": "late" if level_s is None else f"{level_s:.2f}",
        "pool_growth": round(growth),
        "sustained": str(sustained),
    }, sustained


class PoolSampler:
    """Counts what waits in each node's mempool, twice a second, while a load runs."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._clients = [RpcClient(url) for url in urls]
        self._samples: list[tuple[int, list[int]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        for client in self._clients:
            client.close()

    def growth(self, begun_ms: int, ended_ms: int) -> float:
        """The mean of the load's last third minus that of its second, in the pool that grew most.

        Each third has samples: a load takes longer than a few seconds.
        """
        third = (ended_ms - begun_ms) / 3
        later = [each for at, each in self._samples if ended_ms - third <= at <= ended_ms]
        middle = [each for at, each in self._samples if begun_ms + third <= at < ended_ms - third]
        pools = range(len(self._clients))
        return max(_mean(later, pool) - _mean(middle, pool) for pool in pools)

    def _run(self) -> None:
        while not self._stop.wait(POOL_SAMPLE_S):
            counts = [int(each.call("aichain_mempool", 0)["count"]) for each in self._clients]
            self._samples.append((time.time_ns() // 1_000_000, counts))


def _mean(samples: Sequence[Sequence[int]], pool: int) -> float:
    return statistics.mean(sample[pool] for sample in samples)


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
    parser.add_argument(
        "--engines",
        nargs="+",
        default=[DEFAULT_ENGINE],
        help=f"to compare, by turns; {DEFAULT_ENGINE} is the fastest that is here",
    )
    parser.add_argument("--turns", type=int, default=1, help="networks of each engine (default 1)")
    parser.add_argument("--seconds", type=float, default=60.0, help="at each rate (default 60)")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[100, 150, 200, 250, 300, 350, 400]
    )


if __name__ == "__main__":
    main()
