"""A real node dies at each step of a commit, again and again, and goes on from what it wrote."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aichain.cli.client import RpcClient, RpcError
from aichain.store.failpoints import FAIL_AT
from tests.e2e.networks import wait_until

POINTS = ("bodies appended", "bodies written", "state written", "index written")
ROUNDS = 2


def start(home: Path, port: int, rule: str = "") -> subprocess.Popen[bytes]:
    """A single validator; with a rule it dies as of SIGKILL at that point."""
    listen = ("--rpc-listen", f"127.0.0.1:{port}", "--p2p-listen", f"127.0.0.1:{port + 1}")
    return subprocess.Popen(
        [sys.executable, "-m", "aichain", "run", "--network", "devnet", "--home", home, *listen],
        env={**os.environ, **({FAIL_AT: rule} if rule else {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def height(client: RpcClient) -> int:
    try:
        return int(client.call("aichain_status")["height"])
    except RpcError:
        client.close()
        return -1


@pytest.mark.slow
def test_a_node_that_dies_at_any_step_of_a_commit_goes_on(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1] - 1
    for point in POINTS * ROUNDS:
        dying = start(tmp_path / "home", port, f"{point}:4")
        assert dying.wait(timeout=60) == -signal.SIGKILL, point
    process = start(tmp_path / "home", port)
    client = RpcClient(f"http://127.0.0.1:{port}", timeout_s=5.0)
    try:
        wait_until(lambda: height(client) >= 0, "it runs")
        reached = height(client)
        assert reached >= 3 * ROUNDS * len(POINTS), "every life finalized at least three blocks"
        wait_until(lambda: height(client) > reached + 2, "it goes on")
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
