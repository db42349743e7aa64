"""What systemd hears of a node: that it is ready, where it stands, that it lives, that it stops."""

import configparser
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from aichain.config import Endpoint, NodeConfig
from aichain.errors import ExitCode
from aichain.node.run import run_node
from aichain.node.supervisor import Supervisor
from genesis.networks import founder_key, local_document
from p2p.memory_network import MemoryHub

UNIT = Path(__file__).parents[2] / "localnet" / "systemd" / "aichain@.service"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def heard(manager: socket.socket) -> dict[str, str]:
    lines = manager.recv(4_096).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_node_says_ready_status_watchdog_and_stopping(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    told: list[dict[str, str]] = []

    def watch() -> None:
        while not any("READY" in each for each in told):
            told.append(heard(manager))
        while not any("height 1" in each.get("STATUS", "") for each in told):
            told.append(heard(manager))
        os.kill(os.getpid(), signal.SIGTERM)
        while "STOPPING" not in told[-1]:
            told.append(heard(manager))

    config = NodeConfig(
        home=tmp_path / "home",
        document=local_document("testnet", 1, onion_length=4_096),
        node_seed=bytes(32),
        validator_key=founder_key("testnet", 0),
        rpc_listen=Endpoint("127.0.0.1", 0),
        p2p_listen=Endpoint("127.0.0.1", 3691),
    )
    watcher = threading.Thread(target=watch)
    watcher.start()
    hub = MemoryHub()
    code = run_node(config, lambda identity, _settings: hub.join(identity))
    watcher.join(30)
    assert code == ExitCode.OK
    assert {"READY": "1"} in told
    assert told[-1] == {"STOPPING": "1"}
    beats = [each for each in told if "STATUS" in each]
    assert all(each["WATCHDOG"] == "1" for each in beats)
    assert beats[-1]["STATUS"].startswith("testnet height 1")
    assert beats[-1]["STATUS"].endswith("0 peers, votes: yes")


def test_while_a_node_is_built_its_watchdog_hears_that_the_loop_turns(
    manager: socket.socket, tmp_path: Path
) -> None:
    """A node that joined by a snapshot starts anew; READY was said long ago."""
    supervisor = Supervisor(str(tmp_path / "notify"), watchdog_s=0.02)

    async def build() -> None:
        async with trio.open_nursery() as beside:
            beside.start_soon(supervisor.run)
            for _ in range(2):
                assert await trio.to_thread.run_sync(heard, manager) == {"WATCHDOG": "1"}
            beside.cancel_scope.cancel()

    trio.run(build)


def test_where_nobody_listens_nothing_is_said(tmp_path: Path) -> None:
    Supervisor.of({}).tell(READY="1")
    Supervisor.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY="1")


def test_an_abstract_socket_is_one() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0aichain-test-{os.getpid()}")
        listening.settimeout(5)
        Supervisor.of({"NOTIFY_SOCKET": f"@aichain-test-{os.getpid()}"}).tell(READY="1")
        assert heard(listening) == {"READY": "1"}


@pytest.mark.parametrize("given", ["", "0", "x", "-5"])
def test_a_watchdog_that_is_none_is_not_fed(given: str) -> None:
    assert not Supervisor.of({"WATCHDOG_USEC": given})._watched
    assert not Supervisor.of({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"})._watched
    assert Supervisor.of({"WATCHDOG_USEC": "5000000"})._watched


def test_the_unit_runs_what_there_is_and_restarts_what_a_restart_mends() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert "run --home" in service["ExecStart"]
    kept = {int(code) for code in service["RestartPreventExitStatus"].split()}
    ends = set(ExitCode) - {ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.BLOCK_LOST}
    assert kept == set(map(int, ends))
    assert service["NoNewPrivileges"] == service["PrivateDevices"] == "yes"
