"""Finality while a node is read: four validators, with and without readers, in pairs of one run.

Readers ask node 0 for 1,000 mixed answers a second (status, blocks, receipts, logs, accounts,
histories, eth_*). What is compared is how long each node took from a block's timestamp, which is
when it is due, until it wrote the block down as final; the nodes say so themselves, afterwards.
Nodes side by side on a small machine all work at the same moment, and whatever else runs there
takes from it: a longer block time leaves room, and with --regions they stand as far from each
other as validators do.
"""

import argparse
import os
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass

from callers import Answers, callers
from cluster import Cluster, Usage, cluster
from harness import Row, arguments, percentile, report
from json_calls import body_of

from aichain.cli.load import LoadPlan, run_load

WARM_HEIGHTS = 6
CONNECTIONS = 16
NODE_OPTIONS = ("--index", "full")
CLIENT_NICENESS = 10
"""Readers are on machines of their own; here they take what the nodes leave of this one."""
SAMPLED = 200
"""Different bodies of each kind."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was final while somebody read, or nobody did."""

    delays_ms: list[int]
    """Of all blocks, on all nodes."""
    node_0_ms: list[int]
    """Of all blocks, on the one that is read."""
    cpu_percent: list[float]
    answers: Answers | None


def mix(net: Cluster, dice: random.Random) -> list[bytes]:
    """Bodies in the proportions of wallets, explorers and probes, about what there is."""
    height = net.height()
    hashes = [
        transaction["hash"]
        for at in range(1, height + 1)
        for transaction in net.block(0, at)["transactions"]
    ]
    senders = [net.block(0, height)["proposer"]]
    for at in range(1, height + 1):
        senders += [each["sender"] for each in net.block(0, at)["transactions"]]
    bodies: list[bytes] = []
    for _ in range(SAMPLED):
        at, tx_hash, account = dice.randint(1, height), dice.choice(hashes), dice.choice(senders)
        first = max(1, at - 10)
        bodies += [
            body_of("aichain_status", []),
            body_of("eth_blockNumber", []),
            body_of("eth_chainId", []),
            body_of("aichain_getBlock", [at]),
            body_of("aichain_getBlock", ["latest"]),
            body_of("eth_getBlockByNumber", ["latest", False]),
            body_of("eth_getBlockByNumber", [hex(at), True]),
            body_of("aichain_getAccount", [account]),
            body_of("eth_getBalance", [account, "latest"]),
            body_of("eth_getTransactionCount", [account, "pending"]),
            body_of("aichain_getAccountHistory", [account]),
            body_of("aichain_getTransaction", [tx_hash]),
            body_of("eth_getTransactionReceipt", [tx_hash]),
            body_of("eth_getLogs", [{"fromBlock": hex(first), "toBlock": hex(at)}]),
            body_of("eth_feeHistory", [5, "latest", [50]]),
            body_of("aichain_mempool", [10]),
        ]
    dice.shuffle(bodies)
    return bodies


def watch(net: Cluster, bodies: list[bytes] | None, options: argparse.Namespace) -> Window:
    """One window; with readers these do the waiting, on connections of their own: the server
    ends those that idle for longer than a window or two."""
    with nullcontext() if bodies is None else callers(net.urls[0], CONNECTIONS) as clients:
        first, before = net.height() + 1, Usage.of(net.pids())
        answers = None
        if clients is None or bodies is None:
            time.sleep(options.seconds)
        else:
            answers = clients.run(bodies, options.seconds, options.rate)
        last, after = net.height(), Usage.of(net.pids())
    time.sleep(2.0)
    delays: list[list[int]] = []
    for index in range(len(net.clients)):
        blocks = [net.block(index, height) for height in range(first, last + 1)]
        delays.append(
            [
                block["finalizedAtMs"] - block["timestampMs"]
                for block in blocks
                if block["finalizedAtMs"] is not None
            ]
        )
    everywhere = [each for of_node in delays for each in of_node]
    return Window(everywhere, delays[0], after.cores_since(before), answers)


def row_of(pair: int, name: str, window: Window) -> Row:
    waits = window.answers.waits_s if window.answers else [0.0]
    return {
        "pair": pair,
        "readers": name,
        "p50_ms": percentile(window.delays_ms, 50),
        "p90_ms": percentile(window.delays_ms, 90),
        "p99_ms": percentile(window.delays_ms, 99),
        "max_ms": max(window.delays_ms),
        "node_0_p99_ms": percentile(window.node_0_ms, 99),
        "samples": len(window.delays_ms),
        "reads": window.answers.count if window.answers else 0,
        "read_p50_ms": round(percentile(waits, 50) * 1000, 2),
        "read_p99_ms": round(percentile(waits, 99) * 1000, 2),
        "cpu_percent_node_0": round(window.cpu_percent[0], 1),
        "cpu_percent_others": round(sum(window.cpu_percent[1:]) / 3, 1),
    }


def main() -> None:
    """Some transfers first, so that there is something to read; then pairs of windows."""
    options = arguments("Finality under reads", _add)
    dice = random.Random(options.pairs)
    rows: list[Row] = []
    quiet: list[int] = []
    busy: list[int] = []
    with cluster(
        4,
        block_time_ms=options.block_time_ms,
        regions=options.regions,
        options=NODE_OPTIONS,
    ) as net:
        os.nice(CLIENT_NICENESS)
        net.wait_for(WARM_HEIGHTS)
        run_load(LoadPlan(net.urls, "testnet", 20.0, seconds=10.0), lambda _line: None)
        bodies = mix(net, dice)
        with callers(net.urls[0], CONNECTIONS) as clients:
            clients.run(bodies, 2.0, options.rate / 2)
        for pair in range(1, options.pairs + 1):
            for each in [None, bodies] if pair % 2 else [bodies, None]:
                window = watch(net, each, options)
                (busy if each else quiet).extend(window.delays_ms)
                name = f"{options.rate:g}/s" if each else "none"
                rows.append(row_of(pair, name, window))
                refused = window.answers.refused if window.answers else []
                assert not refused, refused[0][:300]
    figures = {
        f"p{percent}_ms_without_and_with": (percentile(quiet, percent), percentile(busy, percent))
        for percent in (50, 90, 99)
    }
    more = percentile(busy, 99) / percentile(quiet, 99) - 1
    report(
        "reads",
        rows,
        as_json=options.json,
        block_time_ms=options.block_time_ms,
        **figures,
        p99_percent_more=round(100 * more, 1),
    )


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1000.0, help="reads a second")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each window (default 40)")
    parser.add_argument("--pairs", type=int, default=5, help="of windows (default 5)")
    parser.add_argument("--block-time-ms", type=int, default=500)
    parser.add_argument(
        "--regions", action="store_true", help="the nodes stand in four cloud regions"
    )


if __name__ == "__main__":
    main()
