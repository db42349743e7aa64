"""A peer is killed and comes back: missed at once, connected again in a second. A ban stays."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from p2p.errors import Penalty
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Audience
from tests.integration.libp2p_nodes import (
    eventually,
    make_network,
    make_vote,
    receive,
    running,
)

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def child(listen: str, *bootstrap: str) -> AsyncIterator[tuple[trio.Process, str]]:
    """A network in another process, and its address; killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.integration.libp2p_child", "1", listen, *bootstrap]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    try:
        with trio.fail_after(60):
            address = (await process.stdout.receive_some(4096)).decode().split()[0]
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.stdout.aclose()


async def hears(network: Libp2pNetwork, peer: str) -> None:
    """Wait for a message of this peer."""
    while (await receive(network)).peer != peer:
        pass


async def test_a_killed_peer_is_missed_and_found_again() -> None:
    network = make_network(0)
    async with running(network):
        async with child("/ip4/127.0.0.1/tcp/0") as (process, address):
            network.connect(address)
            await eventually(lambda: len(network.peers()) == 1)
            peer = network.peers()[0].peer_id
            await hears(network, peer)
            process.kill()
            await eventually(lambda: not network.peers())
        await trio.sleep(3.0)  # dials that fail meanwhile must not slow down the return
        listen = address.split("/p2p/")[0]
        async with child(listen) as (_, again):
            assert again == address
            await eventually(lambda: len(network.peers()) == 1)
            network.push(make_vote(), Audience.VALIDATORS)
            await hears(network, peer)


async def test_a_restarted_node_finds_its_bootstrap_peers_by_itself() -> None:
    network = make_network(0)
    async with running(network):
        for _ in range(2):
            async with child("/ip4/127.0.0.1/tcp/0", network.address) as (process, _):
                await eventually(lambda: len(network.peers()) == 1)
                await hears(network, network.peers()[0].peer_id)
                process.kill()
                await eventually(lambda: not network.peers())
        assert network.counters.restarts == 0


async def test_a_ban_outlives_the_network_whose_standings_the_next_one_takes_over() -> None:
    first, second = make_network(0), make_network(1)
    async with running(first):
        first.penalize(second.peer_id, Penalty.FORGED, "a lie")
    again = make_network(0)
    again.standings = first.standings
    async with running(again):
        second = make_network(1, (again.address,))
        async with running(second):
            await trio.sleep(1.5)
            assert not again.peers()
