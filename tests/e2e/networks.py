"""A local network of real `aichain run` processes for the end-to-end tests."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aichain.cli.client import RpcClient
from aichain.cli.localnet_nodes import (
    CHECKOUT,
    kill_node,
    make_network,
    start_node,
    stop_nodes,
    wait_for_rpc,
)
from aichain.cli.localnet_state import PORT_STRIDE, LocalnetState
from aichain.cli.run_plan import is_taken
from aichain.client.errors import RpcError
from aichain.config import Endpoint

JOINER_PORT = 27690
START_TIMEOUT_S = 60.0


class Network:
    """Validators in processes of their own; every test kills and starts them as it likes."""

    def __init__(self, state: LocalnetState) -> None:
        self.state = state

    def start(
        self,
        index: int,
        *,
        vouch: bool = False,
        options: Sequence[str] = (),
        checkout: Path | None = None,
    ) -> None:
        """Start one node, perhaps with more arguments, or with the code of another checkout."""
        self.state = start_node(
            self.state, index, vouch=vouch, options=options, checkout=checkout or CHECKOUT
        )

    def kill(self, index: int) -> None:
        """SIGKILL one node."""
        self.state = kill_node(self.state, index)

    def wait_until_up(self) -> None:
        """Until every node that should run answers."""
        wait_for_rpc(self.state, START_TIMEOUT_S, lambda: None)

    def call(self, index: int, method: str, *params: object) -> Any:
        """One JSON-RPC call to one node."""
        with RpcClient(self.state.node(index).rpc_url, timeout_s=5.0) as client:
            return client.call(method, *params)

    def height(self, index: int) -> int:
        """The final height of one node; -1 while it does not answer."""
        try:
            return int(self.call(index, "aichain_status")["height"])
        except RpcError:
            return -1

    def wait_for_height(self, index: int, height: int, timeout_s: float = 60.0) -> None:
        """Until one node has finalized a height."""
        wait_until(lambda: self.height(index) >= height, f"node {index} at {height}", timeout_s)

    def block_hash(self, index: int, height: int) -> str:
        """The hash of a final block as one node serves it."""
        return str(self.call(index, "aichain_getBlock", height)["hash"])


def free_base_port() -> int:
    """The first of some ranges in which a small local network can listen."""
    for base in range(26_690, 27_600, 100):
        ports = (base + PORT_STRIDE * index + offset for index in range(6) for offset in (0, 1))
        if not any(is_taken(Endpoint("127.0.0.1", port)) for port in ports):
            return base
    raise AssertionError("no free ports from 26690 on")


@contextmanager
def local_network(directory: Path, validators: int = 4) -> Iterator[Network]:
    """Validators that run and answer; all are stopped at the end, whatever happened."""
    state = make_network(directory, "testnet", validators, free_base_port())
    network = Network(state)
    try:
        for index in range(validators):
            network.start(index)
        network.wait_until_up()
        yield network
    finally:
        stop_nodes(network.state)


@contextmanager
def full_node(network: Network, home: Path) -> Iterator[RpcClient]:
    """A fifth process without a key, which joins the network."""
    command = [sys.executable, "-m", "aichain", "run", "--network", str(network.state.genesis)]
    command += ["--home", str(home), "--rpc-listen", f"127.0.0.1:{JOINER_PORT}"]
    command += ["--p2p-listen", f"127.0.0.1:{JOINER_PORT + 1}"]
    for node in network.state.nodes:
        command += ["--bootstrap", node.multiaddr]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = RpcClient(f"http://127.0.0.1:{JOINER_PORT}", timeout_s=5.0)
    try:
        wait_until(lambda: answers(client), "the joiner answers", START_TIMEOUT_S)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=20)


def answers(client: RpcClient) -> bool:
    """Whether a node serves RPC."""
    try:
        client.call("aichain_status")
    except RpcError:
        client.close()
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Poll a condition, or fail the test with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.05)


def aichain(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    done = subprocess.run(
        [sys.executable, "-m", "aichain", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done
