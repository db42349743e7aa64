"""What a call costs the server: requests a second of its processor time, on kept-alive connections.

A real node (four validators run, node 0 is asked) answers clients in another process, which stay
below what one address may ask for in a second. What the node costs while nobody calls is measured
first, and taken off.
"""

import argparse
import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster import Cluster, Usage, cluster
from harness import Row, arguments, percentile, report

CALLS: Sequence[tuple[str, str, list[object]]] = (
    ("tiny", "eth_blockNumber", []),
    ("status", "aichain_status", []),
    ("empty block", "aichain_getBlock", [1]),
    ("account", "aichain_getAccount", ["0x" + "00" * 19 + "07"]),
)
BATCH = 100


@dataclass
class Client:
    """One connection."""

    url: str
    body: bytes
    every_s: float
    answered: int = 0

    def run(self, until_s: float, waits_s: list[float]) -> None:
        """One request at each beat, or at once where a beat is over."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        beat_s = time.monotonic()
        while (began := time.monotonic()) < until_s:
            connection.request("POST", "/", self.body, {"content-type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200, content[:200]
            waits_s.append(time.monotonic() - began)
            self.answered += 1
            beat_s += self.every_s
            time.sleep(max(0.0, beat_s - time.monotonic()))
        connection.close()


def body_of(method: str, params: list[object], batch: int) -> bytes:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps([call] * batch if batch > 1 else call).encode()


def ask(
    net: Cluster, body: bytes, batch: int, options: argparse.Namespace
) -> tuple[int, float, list[float]]:
    """Requests answered, the server's processor seconds, and how long each answer took."""
    waits_s: list[float] = []
    every_s = options.clients * batch / options.rate
    callers = [Client(net.urls[0], body, every_s) for _ in range(options.clients)]
    until_s, before_s = time.monotonic() + options.seconds, processor_s(net)
    threads = [threading.Thread(target=each.run, args=(until_s, waits_s)) for each in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(each.answered for each in callers), processor_s(net) - before_s, waits_s


def processor_s(net: Cluster) -> float:
    """Of node 0, so far."""
    return Usage.of(net.pids()[:1]).cpu_s[0]


def main() -> None:
    """Each call for a while, between whiles in which only consensus runs."""
    options = arguments("Calls of JSON-RPC", _add)
    rows: list[Row] = []
    with cluster(4) as net:
        net.wait_for(6)
        for name, method, params in CALLS:
            for batch in (1, BATCH):
                idle_s = _idle_share(net, options.seconds)
                body = body_of(method, params, batch)
                answers, cpu_s, waits_s = ask(net, body, batch, options)
                spent_s = max(cpu_s - idle_s * options.seconds, 1e-9)
                rows.append(
                    {
                        "call": f"{name}, {batch} a request" if batch > 1 else name,
                        "calls_per_cpu_s": round(answers * batch / spent_s),
                        "calls_per_s": round(answers * batch / options.seconds),
                        "p50_ms": round(percentile(waits_s, 50) * 1000, 2),
                        "p99_ms": round(percentile(waits_s, 99) * 1000, 2),
                        "consensus_cpu_percent": round(100 * idle_s, 1),
                    }
                )
    report("rpc", rows, as_json=options.json, clients=options.clients)


def _idle_share(net: Cluster, seconds: float) -> float:
    """Processor seconds a second while nobody calls."""
    before_s = processor_s(net)
    time.sleep(seconds)
    return (processor_s(net) - before_s) / seconds


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=8, help="connections (default 8)")
    parser.add_argument("--rate", type=float, default=1500.0, help="calls a second, at most")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each call (default 5)")


if __name__ == "__main__":
    main()
