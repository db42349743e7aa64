"""From the command to level with a running network: blocks and bytes a second, from genesis.

The rates count from the joiner's first answer on, and what it had fetched before does not count.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import Cluster, cluster
from harness import Row, arguments, report

from aichain.cli.client import RpcClient
from aichain.cli.load import LoadPlan, run_load
from aichain.client.errors import RpcError

JOINER_PORT = 28990
BLOCK_TIME_MS = 100
"""A history of thousands of blocks in minutes; they are as large as others."""
TIMEOUT_S = 300.0


def main() -> None:
    """Make a history under load, then let a stranger join; once with empty blocks, once full."""
    options = arguments("Catching up from genesis", _add)
    rows: list[Row] = []
    with cluster(options.validators, block_time_ms=BLOCK_TIME_MS) as net:
        net.wait_for(options.blocks, timeout_s=options.blocks)
        rows.append(_join(net, "empty blocks"))
        plan = LoadPlan(net.urls, "testnet", options.load, seconds=options.seconds)
        run_load(plan, lambda _line: None)
        rows.append(_join(net, f"and {options.seconds:g} s of {options.load:g} tx/s"))
    report("sync", rows, as_json=options.json, validators=options.validators)


def _join(net: Cluster, name: str) -> Row:
    target = net.height()
    size = _history_bytes(net, target)
    transactions = sum(
        int(net.block(0, height)["transactionCount"]) for height in range(1, target + 1)
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aichain-join-") as home, _joiner(net, home) as client:
        answered, had = time.monotonic() - began, int(client.call("aichain_status")["height"])
        while (height := int(client.call("aichain_status")["height"])) < target:
            if time.monotonic() - began > TIMEOUT_S:
                raise TimeoutError(f"the joiner is at {height} of {target}")
            time.sleep(0.02)
        took = time.monotonic() - began
    share = (target - had) / target  # what was left to do when its clock was first read
    return {
        "history": name,
        "blocks": target,
        "transactions": transactions,
        "start_s": round(answered, 2),
        "level_s": round(took, 2),
        "blocks_per_s": round((target - had) / (took - answered), 1),
        "tx_per_s": round(transactions * share / (took - answered), 1),
        "mb_per_s": round(size * share / 1e6 / (took - answered), 2),
    }


def _history_bytes(net: Cluster, height: int) -> int:
    """Headers and bodies as they lie in node 0's segment files."""
    folder = net.state.nodes[0].home / "data" / "chain" / "blocks"
    return sum(path.stat().st_size for path in folder.iterdir()) if height else 0


@contextmanager
def _joiner(net: Cluster, home: str) -> Iterator[RpcClient]:
    """A full node that answers."""
    command = [sys.executable, "-m", "aichain", "run", "--network", str(net.state.genesis)]
    command += ["--home", str(Path(home) / "node"), "--rpc-listen", f"127.0.0.1:{JOINER_PORT}"]
    command += ["--p2p-listen", f"127.0.0.1:{JOINER_PORT + 1}"]
    for node in net.state.nodes:
        command += ["--bootstrap", node.multiaddr]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = RpcClient(f"http://127.0.0.1:{JOINER_PORT}", timeout_s=5.0)
    try:
        while True:
            try:
                client.call("aichain_status")
                break
            except RpcError:
                client.close()
                time.sleep(0.02)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=30)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=2000, help="of empty history (default 2000)")
    parser.add_argument("--load", type=float, default=100.0, help="transfers a second after that")
    parser.add_argument("--seconds", type=float, default=30.0, help="of that load (default 30)")


if __name__ == "__main__":
    main()
