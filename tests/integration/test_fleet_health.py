"""`aichain node health` against served nodes: states, exit codes, alerts, a watch."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner, Result

from aichain.cli import fleet_poll, main
from aichain.cli.fleet_poll import HELD_UP, Poller
from aichain.cli.fleet_webhook import post_alert
from aichain.errors import ExitCode
from aichain.fleet.health import Answer, Silence
from aichain.fleet.registry import FleetNode, parse_registry
from tests.ports import free_port
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.fleet.fleets import registry_of
from tests.unit.aichain.rpc.serving import NOW_MS, served

TOKEN = b"abcdefghijklmnop0123"


@pytest.fixture
def registry(tmp_path: Path) -> Callable[..., str]:
    def write(*ports: int, **members: Any) -> str:
        path = tmp_path / "nodes_registry.json"
        nodes = [{"rpc_url": f"http://127.0.0.1:{port}"} | members for port in ports]
        path.write_bytes(registry_of(*nodes))
        return str(path)

    return write


async def health(*arguments: str) -> Result:
    def invoke() -> Result:
        return CliRunner().invoke(main, ["node", "health", "--timeout", "3", *arguments])

    return await trio.to_thread.run_sync(invoke)


@pytest.fixture
def closed_port() -> int:
    return free_port()


async def test_served_nodes_are_looked_at(registry: Callable[..., str], closed_port: int) -> None:
    async with served() as one, served(tokens=(TOKEN,)) as two:
        for node in (one, two):
            node.clock.advance(node.backend.status().finalized_at_ms - NOW_MS + 100)
        file = registry(one.port, two.port)
        done = await health("--registry", file, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["summary"]["online"] == 2
        done = await health("--registry", registry(one.port, closed_port), "--json", "--alert")
        assert done.exit_code == 2
        assert done.stderr.startswith("error: 1 of 2 not well: n1 offline (no answer: ")
        (alert,) = json.loads(done.stdout)["alerts"]
        assert (alert["node_id"], alert["state"]) == ("n1", "offline")
        one.clock.advance(3_600_000)
        done = await health("--registry", file, "--node", "n0")
        assert done.exit_code == 1
        assert "its last final block is 60 min old" in done.stderr


READY = {
    "status": "ready",
    "network": "devnet",
    "height": 7,
    "targetHeight": 7,
    "finalizedAgoMs": 200,
    "syncing": False,
    "peers": 3,
}


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    scripted = ScriptedNode(pages={"/ready": (200, READY)}, answers={"aichain_status": {}})
    with serving(scripted) as node:
        yield node


def look(url: str, timeout_s: float = 3.0) -> Answer | Silence:
    fleet = parse_registry(registry_of({"rpc_url": url}))
    return Poller(timeout_s, 4).look(fleet)["n0"].sight


def test_a_server_that_lies_about_types_is_no_node(node: ScriptedNode) -> None:
    assert isinstance(look(node.url), Answer)
    pages: tuple[Any, ...] = (
        {},
        [],
        READY | {"height": "7"},
        READY | {"peers": -1},
        READY | {"syncing": 0},
    )
    for page in pages:
        node.pages["/ready"] = (200, page)
        assert look(node.url) == Silence("/ready is not that of a node")
    node.pages["/ready"] = (200, READY)
    node.answers["aichain_status"] = {"voting": 5}
    assert isinstance(look(node.url), Silence)


def test_who_answers_byte_by_byte_holds_nothing_up() -> None:
    """Each byte comes within the timeout of a socket, and the answer never."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # whoever asked has given up
                while not ended.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        fleet = parse_registry(
            registry_of({"rpc_url": f"http://127.0.0.1:{listener.getsockname()[1]}"})
        )
        begun = time.monotonic()
        assert Poller(0.2, 4).look(fleet)["n0"].sight == HELD_UP
        assert time.monotonic() - begun < 5
        ended.set()
        thread.join()


def test_a_node_that_holds_up_its_thread_is_not_asked_anew_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[FleetNode] = []
    ended = threading.Event()

    def ask(node: FleetNode, timeout_s: float) -> fleet_poll.Seen:
        asked.append(node)
        ended.wait(30)
        return fleet_poll.Seen(HELD_UP)

    monkeypatch.setattr(fleet_poll, "ask", ask)
    monkeypatch.setattr(fleet_poll, "SPARE_S", 0.1)
    fleet, poller = parse_registry(registry_of({"rpc_url": "http://127.0.0.1:1"})), Poller(0.05, 4)
    for _ in range(3):
        assert poller.look(fleet)["n0"].sight == HELD_UP
    assert len(asked) == 1
    ended.set()


def test_a_watch_reads_the_registry_again_and_ends_with_the_code_of_the_worst(
    node: ScriptedNode, registry: Callable[..., str], closed_port: int
) -> None:
    port = int(node.url.rpartition(":")[2])
    command = [sys.executable, "-m", "aichain", "node", "health", "--json", "--alert"]
    command += ["--registry", registry(port), "--watch", "600"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        assert (first["summary"]["total"], first["alerts"]) == (1, [])
        registry(port, closed_port)
        process.send_signal(signal.SIGHUP)
        second = json.loads(process.stdout.readline())
        assert [each["node_id"] for each in second["alerts"]] == ["n1"]
        Path(registry(port)).write_text("rubbish")
        process.send_signal(signal.SIGHUP)
        assert json.loads(process.stdout.readline())["summary"]["total"] == 2
        assert "the registry stays as it was" in process.stderr.readline()
        registry(port)
        process.send_signal(signal.SIGHUP)
        assert json.loads(process.stdout.readline())["summary"] == first["summary"]
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline().startswith("error: while it was watched some node was off")
        assert process.wait(20) == 2


@pytest.fixture
def hook() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode(posted=[])) as hook:
        yield hook


def test_an_alert_is_posted(
    hook: ScriptedNode, registry: Callable[..., str], closed_port: int
) -> None:
    given = ["--registry", registry(closed_port), "--alert", "--webhook-url", f"{hook.url}/x?k=1"]
    done = CliRunner().invoke(main, ["node", "health", *given])
    assert done.exit_code == 2
    assert hook.posted is not None
    (sent,) = hook.posted
    assert sent["event"] == "fleet.alert"
    assert sent["text"].startswith("n0 offline: no answer")
    assert len(done.stderr.splitlines()) == 2


def test_a_webhook_that_fails_is_tried_again_and_then_named_without_its_secret(
    hook: ScriptedNode,
) -> None:
    pauses: list[float] = []
    for status, tries in ((503, 3), (429, 3), (404, 1), (302, 1)):
        hook.posted, hook.posted_status = [], status
        told = post_alert(f"{hook.url}/secret", {"a": 1}, 3, pauses.append)
        assert told == f"127.0.0.1: HTTP {status}"
        assert len(hook.posted) == tries
    assert pauses == [1, 2, 1, 2]
    hook.posted_status = 204
    assert post_alert(hook.url, {}, 3, pauses.append) is None


def test_a_webhook_that_is_not_there_is_told(closed_port: int) -> None:
    told = post_alert(f"http://127.0.0.1:{closed_port}/", {}, 1, lambda _: None)
    assert told == "127.0.0.1: Connection refused"


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (["--webhook-url", "http://h/"], 2, "add --alert"),
        (["--alert", "--webhook-url", "file:///etc/passwd"], 2, "is not an address such as"),
        (["--registry", "gone.json"], ExitCode.CONFIG, "cannot read gone.json"),
        (["--registry", "bad.json"], ExitCode.CONFIG, "bad.json: nodes[0].role: 'king' is none of"),
        (["--rpc", "ftp://x"], 2, "this is not an http address"),
        (["--rpc", "http://127.0.0.1:1", "--node", "nod"], 3, "there is no node 'nod'"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_two_lines(
    given: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_bytes(registry_of({"role": "king"}))
    done = CliRunner().invoke(main, ["node", "health", *given])
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 2
