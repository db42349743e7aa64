"""A real node dies at each step of a vote and a commit, and goes on from what it wrote."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aichain.cli.client import RpcClient
from aichain.client.errors import RpcError
from aichain.store.failpoints import FAIL_AT
from tests.e2e.networks import wait_until
from tests.ports import free_port

COMMIT = ("bodies appended", "bodies written", "state written", "index written")
VOTE = ("vote logged", "vote sent")
POINTS = (*(f"{step}:3" for step in COMMIT), *(f"{step}:{n}" for step in VOTE for n in (5, 6)))
"""Two blocks become final before each; the fifth and the sixth vote are a PREFER and a COMMIT."""


def start(home: Path, ports: tuple[int, int], rule: str = "") -> subprocess.Popen[bytes]:
    """A single validator; with a rule it dies as of SIGKILL at that point."""
    rpc, p2p = ports
    listen = ("--rpc-listen", f"127.0.0.1:{rpc}", "--p2p-listen", f"127.0.0.1:{p2p}")
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


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_node_that_dies_at_any_step_goes_on(tmp_path: Path, rounds: int) -> None:
    ports = free_port(), free_port()
    for point in POINTS * rounds:
        dying = start(tmp_path / "home", ports, point)
        assert dying.wait(timeout=60) == -signal.SIGKILL, point
    process = start(tmp_path / "home", ports)
    client = RpcClient(f"http://127.0.0.1:{ports[0]}", timeout_s=5.0)
    try:
        wait_until(lambda: height(client) >= 0, "it runs")
        reached = height(client)
        assert reached >= rounds * len(POINTS), "every life finalized something"
        wait_until(lambda: height(client) > reached + 2, "it goes on")
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
