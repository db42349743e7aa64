"""The two doors of a node: the listener, which may ask for a token, and the socket of its home."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from aichain.cli import main
from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandExit
from aichain.client.errors import RpcTokenNeeded
from aichain.homes import socket_of
from tests.unit.aichain.rpc.serving import get, post, read_response, rpc, served

TOKEN = b"abcdefghijklmnop0123"
BEARER = f"Bearer {TOKEN.decode()}"


async def local_call(path: Path, method: str, *params: object, **headers: str) -> Any:
    async with await trio.open_unix_socket(str(path)) as stream:
        await stream.send_all(post(rpc(method, *params), **headers))
        return json.loads((await read_response(stream)).body)


async def test_who_has_no_token_is_let_in_nowhere_but_at_the_probes() -> None:
    async with served(tokens=(TOKEN,)) as node:
        for request in (
            post(rpc("eth_chainId")),
            post(rpc("eth_chainId"), authorization="Bearer abcdefghijklmnop0124"),
            get("/metrics"),
            get("/events?topics=newBlocks"),
            get("/", upgrade="websocket", connection="upgrade"),
        ):
            response = await node.exchange(request)
            assert response.status == 401
            assert response.headers["www-authenticate"] == "Bearer"
        assert (await node.exchange(get("/health"))).status == 200
        assert (await node.call("eth_chainId", authorization=BEARER))["result"] == "0x9087"
        metrics = await node.exchange(get("/metrics", authorization=BEARER))
        assert metrics.status == 200


async def test_a_browser_may_ask_whether_it_may_send_a_token() -> None:
    page = "https://wallet.example"
    async with served(tokens=(TOKEN,), origins=frozenset({page})) as node:
        preflight = await node.exchange(
            b"OPTIONS / HTTP/1.1\r\nhost: localhost\r\norigin: https://wallet.example\r\n\r\n"
        )
        assert preflight.status == 204
        assert "authorization" in preflight.headers["access-control-allow-headers"]


async def test_the_command_line_takes_its_token_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(tokens=(TOKEN,)) as node:
        url = f"http://127.0.0.1:{node.port}"

        def ask() -> Any:
            with RpcClient(url) as client:
                return client.call("eth_blockNumber")

        with pytest.raises(RpcTokenNeeded):
            await trio.to_thread.run_sync(ask)
        monkeypatch.setenv("AICHAIN_RPC_TOKEN", TOKEN.decode())
        assert await trio.to_thread.run_sync(ask) == "0x2"


async def test_a_token_of_the_environment_stays_with_whom_it_is_meant_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AICHAIN_RPC_TOKEN", TOKEN.decode())
    async with served(tokens=(TOKEN,)) as node:
        url = f"http://0.0.0.0:{node.port}"  # this machine by a name that does not say so

        def ask() -> Any:
            with RpcClient(url) as client:
                return client.call("eth_blockNumber")

        with pytest.raises(RpcTokenNeeded) as needed:
            await trio.to_thread.run_sync(ask)
        assert "AICHAIN_RPC_TOKEN_HOSTS" in needed.value.fix
        monkeypatch.setenv("AICHAIN_RPC_TOKEN_HOSTS", f"other.example,0.0.0.0:{node.port}")
        assert await trio.to_thread.run_sync(ask) == "0x2"
        monkeypatch.delenv("AICHAIN_RPC_TOKEN_HOSTS")
        monkeypatch.setenv("AICHAIN_RPC_URL", f"{url}/rpc")
        assert await trio.to_thread.run_sync(ask) == "0x2"


async def test_the_socket_is_for_its_owner_and_goes_with_the_node(tmp_path: Path) -> None:
    path = socket_of(tmp_path)
    path.write_text("left by a node that was killed")
    async with served(socket=path, tokens=(TOKEN,)) as node:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (await local_call(path, "eth_blockNumber"))["result"] == "0x2"
        assert (await local_call(path, "eth_blockNumber", host="evil.example"))["result"] == "0x2"
        described = await node.call("rpc.discover", authorization=BEARER)
        names = {entry["name"] for entry in described["result"]["methods"]}
        assert "admin_stop" not in names
        described = await local_call(path, "rpc.discover")
        names = {entry["name"] for entry in described["result"]["methods"]}
        assert "admin_stop" in names
        assert (await node.call("admin_stop", authorization=BEARER))["error"]["code"] == -32601
        assert not node.backend.stopped
        assert (await local_call(path, "admin_stop"))["result"] is True
        assert node.backend.stopped
    assert not path.exists()


async def test_the_command_line_manages_a_node_by_its_home(tmp_path: Path) -> None:
    peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    async with served(socket=socket_of(tmp_path)) as node:

        def run(*arguments: str) -> Any:
            return CliRunner().invoke(main, ["node", *arguments, "--home", str(tmp_path)])

        banned = await trio.to_thread.run_sync(run, "ban", peer)
        assert (banned.exit_code, banned.output) == (CommandExit.OK, "banned\n")
        assert node.backend.banned == [peer]
        wrong = await trio.to_thread.run_sync(run, "ban", "nobody")
        assert wrong.exit_code == CommandExit.REFUSED
        assert (await trio.to_thread.run_sync(run, "stop")).exit_code == CommandExit.OK
        assert node.backend.stopped
    gone = await trio.to_thread.run_sync(run, "stop")
    assert gone.exit_code == CommandExit.UNREACHABLE
