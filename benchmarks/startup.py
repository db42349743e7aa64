"""From command to first final block, from SIGKILL to voting again, and what a node weighs."""

import argparse
import statistics
import time

from cluster import Cluster, Usage, cluster, try_height
from harness import Row, arguments, percentile, report

from aichain.cli.localnet_nodes import kill_node, start_node

WARM_HEIGHTS = 6


def main() -> None:
    """Start networks, then kill and start one validator again and again."""
    options = arguments("Start and restart", _add)
    first_blocks: list[float] = []
    voting_again: list[float] = []
    memory: list[float] = []
    for _ in range(options.networks):
        began = time.monotonic()
        with cluster(options.validators) as net:
            while net.height() < 1:
                time.sleep(0.02)
            first_blocks.append(time.monotonic() - began)
            net.wait_for(WARM_HEIGHTS)
            memory += Usage.of(net.pids()).memory_mb
            last = options.validators - 1
            voting_again += [_kill_and_return(net, last) for _ in range(options.kills)]
    rows = [
        _row("start of all nodes to first final block", first_blocks),
        _row("SIGKILL, start, to a certificate with its vote", voting_again),
    ]
    report(
        "startup",
        rows,
        as_json=options.json,
        validators=options.validators,
        memory_mb_at_start=round(statistics.median(memory), 1),
    )


def _kill_and_return(net: Cluster, index: int) -> float:
    """Seconds from the kill until the certificate of a later block has this validator's vote.

    Blocks that are final when it is started again may still have a vote of its former life.
    """
    began = time.monotonic()
    net.state = kill_node(net.state, index)
    net.state = start_node(net.state, index)
    height = net.height() + 1
    while not _has_voted(net, index, height):
        time.sleep(0.02)
    took = time.monotonic() - began
    while try_height(net.urls[index]) is None:
        time.sleep(0.05)
    net.clients[index].close()
    net.wait_for(net.height() + 2)
    return took


def _has_voted(net: Cluster, index: int, above: int) -> bool:
    head = net.height()
    if head <= above:
        return False
    commit = net.clients[0].call("aichain_commit", head)
    return any(int(signer["index"]) == index for signer in commit["certificate"]["signers"])


def _row(name: str, values: list[float]) -> Row:
    return {
        "name": name,
        "p50_s": round(statistics.median(values), 2),
        "p90_s": round(percentile(values, 90), 2),
        "max_s": round(max(values), 2),
        "samples": len(values),
    }


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--networks", type=int, default=5, help="starts of a whole network")
    parser.add_argument("--kills", type=int, default=4, help="of one validator in each network")


if __name__ == "__main__":
    main()
