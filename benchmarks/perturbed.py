"""One of four validators is killed under load: how long the chain pauses, and its way back."""

import argparse
import threading
import time
from itertools import pairwise

from cluster import Cluster, cluster
from harness import Row, arguments, percentile, report

from aichain.cli.load import LoadPlan, run_load
from aichain.cli.localnet_nodes import kill_node, start_node

WARM_HEIGHTS = 8
CALM_HEIGHTS = 20
SENDERS = 20


def main() -> None:
    """Kill one validator after the other; each time let it be dead for a while, then start it."""
    options = arguments("One validator dies under load", _add)
    gaps: dict[str, list[float]] = {"all alive": [], "one dead": [], "it comes back": []}
    worst: dict[str, list[float]] = {name: [] for name in gaps}
    voting_again: list[float] = []
    with cluster(options.validators) as net, _Loaded(net, options.load):
        net.wait_for(WARM_HEIGHTS)
        for turn in range(options.kills):
            victim = 1 + turn % (options.validators - 1)
            marks = [net.height()]
            _gain(net, CALM_HEIGHTS)
            marks.append(net.height())
            net.state = kill_node(net.state, victim)
            time.sleep(options.dead_s)
            marks.append(net.height())
            began = time.monotonic()
            net.state = start_node(net.state, victim)
            while not _has_voted(net, victim, marks[-1]):
                time.sleep(0.02)
            voting_again.append(time.monotonic() - began)
            _gain(net, CALM_HEIGHTS)
            marks.append(net.height())
            net.clients[victim].close()
            for name, (first, last) in zip(gaps, pairwise(marks), strict=True):
                found = _gaps_ms(net, first, last)
                gaps[name] += found
                worst[name].append(max(found))
    rows: list[Row] = [_row(f"between blocks, {name}", values) for name, values in gaps.items()]
    rows += [_row(f"longest of a kill, {name}", values) for name, values in worst.items()]
    again_ms = [1000 * each for each in voting_again]
    rows.append(_row("start after SIGKILL to a certificate with its vote", again_ms))
    report(
        "perturbed",
        rows,
        as_json=options.json,
        validators=options.validators,
        load_tx_s=options.load,
        dead_s=options.dead_s,
        kills=options.kills,
    )


class _Loaded:
    """Transfers to node 0, which is never killed."""

    def __init__(self, net: Cluster, rate: float) -> None:
        self._stop = threading.Event()
        plan = LoadPlan(net.urls[:1], net.state.network, rate=rate, senders=SENDERS)
        self._thread = threading.Thread(
            target=lambda: run_load(plan, lambda _: None, self._stop), daemon=True
        )

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _gain(net: Cluster, heights: int) -> None:
    wanted = net.height() + heights
    while net.height() < wanted:
        time.sleep(0.05)


def _gaps_ms(net: Cluster, first: int, last: int) -> list[float]:
    """Times between the moments at which node 0 saw consecutive blocks final."""
    heights = range(first, last + 1)
    seen = [net.block(0, height)["finalizedAtMs"] for height in heights]
    return [float(later - earlier) for earlier, later in pairwise(seen)]


def _has_voted(net: Cluster, index: int, above: int) -> bool:
    head = net.height()
    if head <= above:
        return False
    commit = net.clients[0].call("aichain_commit", head)
    return any(int(signer["index"]) == index for signer in commit["certificate"]["signers"])


def _row(name: str, values: list[float]) -> Row:
    return {
        "name": name,
        **{f"p{each}_ms": round(percentile(values, each)) for each in (50, 90, 99)},
        "max_ms": round(max(values)),
        "samples": len(values),
    }


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--dead-s", type=float, default=8.0)
    parser.add_argument("--load", type=float, default=20.0, help="transfers a second")


if __name__ == "__main__":
    main()
