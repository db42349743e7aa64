"""What a call costs the server: requests a second of its processor time, on kept-alive connections.

A real node (four validators run, node 0 is asked) answers clients in another process, first at a
rate at which nearly every request wakes the server by itself, then as fast as it can. What the
node costs while nobody calls is measured before each, and taken off. The same clients ask the bare
server (`bare_http`) in between: the ratio is what says something on a machine that others use.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callers import Answers, Callers, callers
from cluster import Cluster, Usage, cluster
from harness import Row, arguments, percentile, report
from json_calls import body_of

BARE_PORT = 28680
CALLS: Sequence[tuple[str, str, list[object]]] = (
    ("eth_blockNumber", "eth_blockNumber", []),
    ("aichain_status", "aichain_status", []),
    ("aichain_getBlock", "aichain_getBlock", [1]),
    ("eth_getBlockByNumber", "eth_getBlockByNumber", ["latest", False]),
    ("aichain_getAccount", "aichain_getAccount", ["0x" + "00" * 19 + "07"]),
)
BATCH = 100
START_S = 1.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What some requests cost a process."""

    requests: int
    cpu_s: float
    waits_s: list[float]

    @property
    def per_cpu_s(self) -> float:
        return self.requests / self.cpu_s


@contextmanager
def bare() -> Iterator[tuple[Callers, int]]:
    """The bare server, as clients see it, and its process."""
    script = Path(__file__).parent / "bare_http.py"
    with subprocess.Popen([sys.executable, str(script), str(BARE_PORT)]) as process:
        try:
            time.sleep(START_S)
            with callers(f"http://127.0.0.1:{BARE_PORT}", 16) as clients:
                yield clients, process.pid
        finally:
            process.terminate()


def ask(clients: Callers, body: bytes, pid: int, options: argparse.Namespace, rate: float) -> Spent:
    """The process's time besides what it spends when nobody asks."""
    idle = Usage.of([pid])
    time.sleep(options.seconds / 2)
    before = Usage.of([pid])
    answers: Answers = clients.run([body], options.seconds, rate)
    after = Usage.of([pid])
    assert not answers.refused, answers.refused[0][:300]
    share = (before.cpu_s[0] - idle.cpu_s[0]) / (before.at_s - idle.at_s)
    spent_s = after.cpu_s[0] - before.cpu_s[0] - share * (after.at_s - before.at_s)
    return Spent(answers.count, max(spent_s, 1e-9), answers.waits_s)


def rows_of(net: Cluster, options: argparse.Namespace) -> Iterator[Row]:
    """Each call at both paces, the bare server before it."""
    pid = net.pids()[0]
    with bare() as (yardstick, bare_pid), callers(net.urls[0], 16) as clients:
        for name, method, params in CALLS:
            for pace, rate in (("paced", options.rate), ("saturated", 0.0)):
                least = ask(yardstick, body_of(method, params), bare_pid, options, rate)
                spent = ask(clients, body_of(method, params), pid, options, rate)
                yield _row(name, pace, 1, spent, least)
            spent = ask(clients, body_of(method, params, BATCH), pid, options, 10.0)
            yield _row(f"{name}, {BATCH} a request", "paced", BATCH, spent, least)


def _row(name: str, pace: str, batch: int, spent: Spent, least: Spent) -> Row:
    return {
        "call": name,
        "pace": pace,
        "calls_per_cpu_s": round(spent.per_cpu_s * batch),
        "us_per_call": round(1e6 / spent.per_cpu_s / batch, 1),
        "bare_us": round(1e6 / least.per_cpu_s, 1),
        "times_bare": round(least.per_cpu_s / spent.per_cpu_s / batch, 2),
        "calls": spent.requests * batch,
        "p50_ms": round(percentile(spent.waits_s, 50) * 1000, 2),
        "p99_ms": round(percentile(spent.waits_s, 99) * 1000, 2),
    }


def main() -> None:
    """Each call for a while, between whiles in which only consensus runs."""
    options = arguments("Calls of JSON-RPC", _add)
    with cluster(4) as net:
        net.wait_for(6)
        rows = list(rows_of(net, options))
    report("rpc", rows, as_json=options.json, paced_calls_per_s=options.rate)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1500.0, help="calls a second where paced")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each call (default 4)")


if __name__ == "__main__":
    main()
