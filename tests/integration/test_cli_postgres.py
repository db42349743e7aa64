"""Nodes with their accounts on a PostgreSQL server that comes and goes: one wired here, one run."""

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from aichain.client import AI, Client
from aichain.client.errors import RpcRefused, RpcUnreachable
from aichain.config_values import IndexMode
from aichain.errors import WrongChain
from aichain.rpc.errors import NotIndexed
from aichain.rpc.methods.aichain import HistoryQuery, get_account_history
from genesis.networks import account_key
from genesis.units import address_of_key, format_address
from tests.integration.nodes import Cluster, RunningNode, cluster, transfer, until
from tests.integration.postgres_server import (
    MISSING,
    PASSWORD,
    PostgresServer,
    programs,
)
from tests.integration.test_cli_devnet import PROGRAM, ROOT, surroundings
from tests.ports import free_port
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

pytestmark = [
    pytest.mark.skipif(programs() is None, reason=MISSING),
    pytest.mark.usefixtures("emptied"),
]

ALICE, BOB = account_key("testnet", 0), account_key("testnet", 1)
TO = "0x0000000000000000000000000000000000000007"
PATIENCE_S = 30.0


async def history_of(running: RunningNode) -> list[int] | None:
    """Heights of Alice's transactions, as RPC tells; None where it tells none."""
    query = HistoryQuery(format_address(address_of_key(ALICE.public_key)))
    try:
        found = await get_account_history(running.rpc, query)
    except NotIndexed:
        return None
    return [each.height for each in found.transactions]


async def sent(net: Cluster, running: RunningNode, nonce: int) -> int:
    """The height of a transfer that is final."""
    signed = transfer(net, ALICE, nonce=nonce, to=BOB)
    await running.node.pool.submit(signed.raw)
    while True:
        found = await running.rpc.backend.transaction(signed.id)
        if found is not None and found.placement is not None and found.placement.final:
            return found.placement.height
        await trio.sleep(0.1)


async def indexed(running: RunningNode, height: int) -> None:
    index = running.node.history.account_index
    assert index is not None
    await until(lambda: not index.failed and index.height >= height, deadline_s=300.0)


def test_a_server_that_dies_stops_no_node_and_misses_no_block(
    tmp_path: Path, server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, machine=virtual_machine()) as net:
            start = partial(net.start, 0, index_mode=IndexMode.FULL, index_url=server.server_url())
            running = await start(chain_is_new=True)
            heights = [await sent(net, running, 0)]
            await indexed(running, heights[0])
            assert await history_of(running) == heights
            server.kill()
            heights.append(await sent(net, running, 1))
            height = running.height
            await until(lambda: running.height >= height + 20)
            assert await history_of(running) is None
            assert "PostgreSQL server does not answer" in running.rpc.backend.status().index_trouble
            assert caplog.text.count("accounts are not indexed for now") == 1
            server.start()
            await indexed(running, running.height)
            assert await history_of(running) == heights[::-1]
            assert running.rpc.backend.status().index_trouble == ""
            await running.stop()
            running = await start()
            heights.append(await sent(net, running, 2))
            await indexed(running, heights[-1])
            assert await history_of(running) == heights[::-1]

    run_virtual(story, seed=1)
    assert PASSWORD not in caplog.text


def test_a_server_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, server: PostgresServer
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, machine=virtual_machine()) as net:
            start = partial(net.start, 0, index_mode=IndexMode.FULL, index_url=server.server_url())
            running = await start(chain_is_new=True)
            height = await sent(net, running, 0)
            assert await history_of(running) is None
            server.start()
            await indexed(running, height)
            assert await history_of(running) == [height]

    server.kill()
    run_virtual(story, seed=2)


def test_a_chain_that_was_begun_anew_is_refused_at_the_start(
    tmp_path: Path, server: PostgresServer
) -> None:
    async def story() -> None:
        url = server.server_url()
        async with cluster(tmp_path / "one", 1, machine=virtual_machine()) as net:
            running = await net.start(
                0, chain_is_new=True, index_mode=IndexMode.FULL, index_url=url
            )
            await indexed(running, await sent(net, running, 0))
            await running.stop()
        async with cluster(tmp_path / "other", 1, machine=virtual_machine()) as net:
            running = await net.start(0, chain_is_new=True)
            await sent(net, running, 0)
            await sent(net, running, 1)
            await running.stop()
            with pytest.raises(WrongChain):
                await net.start(0, index_mode=IndexMode.FULL, index_url=url)

    run_virtual(story, seed=3)


def waited(for_: Callable[[], bool], log: Path) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not for_():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.05)


def test_the_program_takes_the_address_from_its_environment_and_tells_nobody_the_password(
    tmp_path: Path, server: PostgresServer
) -> None:
    rpc, p2p, log = free_port(), free_port(), tmp_path / "log"
    environ = surroundings(tmp_path, f"http://127.0.0.1:{rpc}")
    environ["AICHAIN_INDEX_URL"] = server.url()
    listen = ("--rpc-listen", f"127.0.0.1:{rpc}", "--p2p-listen", f"127.0.0.1:{p2p}")
    command = [*PROGRAM, "run", "--network", "devnet", "--index", "full", *listen]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        with Client(environ["AICHAIN_RPC_URL"]) as client:

            def is_there() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return client.status().height > 0
                except RpcUnreachable:
                    return False

            def tells() -> list[str] | None:
                try:
                    return [each.hash for each in client.history(TO)]
                except RpcRefused as error:
                    return None if error.name == "not_indexed" else [error.name]

            waited(is_there, log)
            told = "0x" + client.transfer(account_key("devnet", 0), TO, AI).id.hex()
            waited(lambda: tells() == [told], log)
            server.kill()
            waited(lambda: tells() is None, log)
            server.start()
            waited(lambda: tells() == [told], log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert PASSWORD not in log.read_text()
