"""Joining by a snapshot on loopback: making it, fetching it, checking it, and what blocks feel."""

import argparse
import multiprocessing
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from unittest.mock import patch

from harness import Row, arguments, percentile, report

from aichain import recovery
from aichain.cli.client import RpcClient
from aichain.client.errors import RpcError
from genesis.document import GenesisDocument, render_document
from genesis.networks import founder_node_seed, local_document
from genesis.units import ADDRESS_BYTES, AI, Address
from native.node_keys import peer_id_of_seed, peer_id_text
from vm.genesis_block import genesis_state
from vm.queries import account_view
from vm.records import Account, account_key, encode_account
from vm.state import State

PORT = 22100
JOINER_PORT = 22110
EPOCH_BLOCKS = 64
TIMEOUT_S = 900.0
POLL_S = 0.05
READY = re.compile(
    r"snapshot of height (\d+): (\d+) records, (\d+) parts, (\d+) bytes, "
    r"([0-9.]+) s of work in ([0-9.]+) s"
)


def main() -> None:
    """One validator with a large state makes a snapshot; a stranger joins by it."""
    options = arguments("Joining by a snapshot", _add)
    with tempfile.TemporaryDirectory(prefix="aichain-snapshot-") as folder:
        root = Path(folder)
        document = _document()
        (root / "genesis.toml").write_text(render_document(document))
        # In a process of its own, whose memory is free again when the nodes run.
        maker = multiprocessing.Process(target=_make_state, args=(root, options.accounts))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit("the state could not be made")
        with _node(root, "founder", PORT, "--founder", "0", "--keep", "1024") as founder:
            made = _wait_for_snapshot(root / "founder.log")
            quiet = int(founder.call("aichain_status")["height"])
            joined = _join(root, document)
            busy = int(founder.call("aichain_status")["height"])
            intervals = [
                _interval_row(founder, "while the snapshot is made", 2, quiet),
                _interval_row(founder, "while it is fetched", quiet, busy),
            ]
    report("snapshot", intervals, as_json=options.json, accounts=options.accounts, **made, **joined)


def _document() -> GenesisDocument:
    """One founder, and epochs short enough to wait for one."""
    document = local_document("testnet", 1)
    return replace(document, consensus=replace(document.consensus, epoch_blocks=EPOCH_BLOCKS))


def _make_state(root: Path, accounts: int) -> None:
    """Block 0 with so many accounts more: its header names no state, so the chain goes on from it.

    What they own is taken from a funded account, so that the supply is right.
    """
    document = _document()
    rng = Random(1)

    def large_state(_: GenesisDocument) -> State:
        small = genesis_state(document)
        records = {key: value for key, value in small.changes.items() if value is not None}
        rich = document.accounts[0].address
        given = 0
        for _number in range(accounts):
            amount = rng.randrange(1, 10**14)
            nonce = rng.randrange(100)
            given += amount
            key = account_key(Address(rng.randbytes(ADDRESS_BYTES)))
            records[key] = encode_account(Account(nonce, amount, 0, 0))
        left = account_view(small, rich).balance - given
        assert left > AI, "the funded account can pay for all of them"
        records[account_key(rich)] = encode_account(Account(0, left, 0, 0))
        return State.initial(document, small.head, records)

    with patch.object(recovery, "genesis_state", large_state):
        recovery.create_ledger(root / "founder" / "data", document)


def _wait_for_snapshot(log: Path) -> dict[str, object]:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = READY.search(log.read_text()) if log.exists() else None
        if found is not None:
            return {
                "records": int(found[2]),
                "parts": int(found[3]),
                "megabytes": round(int(found[4]) / 1e6, 1),
                "export_work_s": float(found[5]),
                "export_s": float(found[6]),
            }
        time.sleep(POLL_S)
    raise TimeoutError("no snapshot was made")


def _join(root: Path, document: GenesisDocument) -> dict[str, object]:
    """Seconds from the command to each stage, by what the joiner's RPC says."""
    peer_id = peer_id_text(peer_id_of_seed(founder_node_seed("testnet", 0)))
    bootstrap = f"/ip4/127.0.0.1/tcp/{PORT + 1}/p2p/{peer_id}"
    began, cpu_s = time.monotonic(), _cpu_of_children_s()
    seen: dict[str, float] = {}
    options = ("--sync", "snapshot", "--bootstrap", bootstrap)
    with _node(root, "joiner", JOINER_PORT, *options) as client:
        while "level" not in seen:
            at = time.monotonic() - began
            if at > TIMEOUT_S:
                raise TimeoutError(f"the joiner did not become level: {seen}")
            try:
                status = client.call("aichain_status")
            except RpcError:  # it starts anew on the chain that it joined
                client.close()
                time.sleep(POLL_S)
                continue
            stage = str(status.get("snapshotStage", ""))
            if int(status["firstHeight"]) > 0:
                seen.setdefault("open", at)
                if (
                    int(status["height"])
                    >= int(status["targetHeight"])
                    > int(status["firstHeight"])
                    and not status["syncing"]
                ):
                    seen["level"] = at
            elif stage:
                seen.setdefault(stage, at)
            time.sleep(POLL_S)
    checked = seen.get("checking", seen["open"])
    return {
        "start_s": round(seen["fetching"], 2),
        "transfer_and_verify_s": round(checked - seen["fetching"], 2),
        "check_whole_s": round(seen["open"] - checked, 2),
        "blocks_since_s": round(seen["level"] - seen["open"], 2),
        "total_s": round(seen["level"], 2),
        "joiner_cpu_s": round(_cpu_of_children_s() - cpu_s, 2),
    }


def _cpu_of_children_s() -> float:
    """Of those that have ended: what it grows by while the joiner runs is the joiner's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _interval_row(client: RpcClient, name: str, low: int, high: int) -> Row:
    stamps = [
        int(client.call("aichain_getBlock", height)["timestampMs"])
        for height in range(max(low, 2), high + 1)
    ]
    waits = [float(after - before) for before, after in pairwise(stamps)]
    return {
        "block interval": name,
        "p50_ms": percentile(waits, 50),
        "p99_ms": percentile(waits, 99),
        "max_ms": max(waits),
        "blocks": len(waits),
    }


@contextmanager
def _node(root: Path, name: str, port: int, *options: str) -> Iterator[RpcClient]:
    """A node that answers, with its log beside its home."""
    command = [sys.executable, "-m", "aichain", "run", "--network", str(root / "genesis.toml")]
    command += ["--home", str(root / name), "--rpc-listen", f"127.0.0.1:{port}"]
    command += ["--p2p-listen", f"127.0.0.1:{port + 1}", *options]
    command += ["--log-level", "debug", "--log-file", str(root / f"{name}.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = RpcClient(f"http://127.0.0.1:{port}", timeout_s=30.0)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while True:
            try:
                client.call("aichain_status")
                break
            except RpcError:
                client.close()
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(f"{name} does not run") from None
                time.sleep(POLL_S)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=60)


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--accounts", type=int, default=1_000_000)


if __name__ == "__main__":
    main()
