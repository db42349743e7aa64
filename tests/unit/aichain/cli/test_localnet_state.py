"""The state file of a local network, and processes that are not mistaken for others."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aichain.cli import localnet_state
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import make_network, require_free_ports, stop_nodes
from aichain.cli.localnet_state import (
    MAX_STATE_BYTES,
    LocalnetState,
    ProcessId,
    dir_option,
    load_state,
    locked,
    remove_network,
    running_state,
)
from aichain.config import load_document
from genesis.networks import packaged_document

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


@pytest.fixture
def state(tmp_path: Path) -> LocalnetState:
    return make_network(tmp_path / "net", "testnet", 4, base_port=20_000)


def test_four_validators_of_testnet_are_the_packaged_testnet(state: LocalnetState) -> None:
    document = packaged_document("testnet")
    assert load_document(str(state.genesis)).hash == document.hash
    assert state.genesis_hash == "0x" + document.hash.hex()
    assert [node.rpc_port for node in state.nodes] == [20_000, 20_010, 20_020, 20_030]
    assert [node.p2p_port for node in state.nodes] == [20_001, 20_011, 20_021, 20_031]


def test_a_saved_state_comes_back(state: LocalnetState, child: subprocess.Popen[bytes]) -> None:
    node = replace(state.nodes[1], process=ProcessId.of(child.pid), wanted=False)
    state = replace(state.with_node(node), supervisor=ProcessId.of(child.pid), partition=(0, 2))
    state.save()
    assert load_state(state.directory) == state


def test_no_network_is_none_and_a_broken_file_is_an_error(
    tmp_path: Path, state: LocalnetState
) -> None:
    assert load_state(tmp_path / "none") is None
    (state.directory / "localnet.json").write_text("{")
    with pytest.raises(CommandError) as caught:
        load_state(state.directory)
    assert caught.value.exit_code == CommandExit.LOCALNET


def deep(key: str) -> bytes:
    return f'{{"version": 1, "{key}": {"[" * 200_000}'.encode()


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff\xfe{", deep("nodes"), deep("other")])
def test_absurd_files_are_errors_with_a_fix(state: LocalnetState, raw: bytes) -> None:
    (state.directory / "localnet.json").write_bytes(raw)
    with pytest.raises(CommandError, match="cannot be read") as caught:
        load_state(state.directory)
    assert f"localnet/up --fresh --dir {state.directory}" in caught.value.fix


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": []},
        {"nodes": {}},
        {"nodes": "none"},
        {"network": 5},
        {"network": "mainnet"},
        {"partition": [4]},
        {"supervisor": {"pid": -1, "started": 0}},
        {"supervisor": {"pid": 0, "started": 0}},
        {"supervisor": 7},
        {"directory": None},
    ],
)
def test_wrong_values_are_errors_with_a_fix(
    state: LocalnetState, change: dict[str, object]
) -> None:
    path = state.directory / "localnet.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CommandError, match="cannot be read"):
        load_state(state.directory)


@pytest.mark.parametrize(
    "change", [{"index": 3}, {"rpc_port": "x"}, {"rpc_port": 0}, {"home": 1}, {"process": []}]
)
def test_a_wrong_node_is_an_error_with_a_fix(
    state: LocalnetState, change: dict[str, object]
) -> None:
    path = state.directory / "localnet.json"
    value = json.loads(path.read_text())
    value["nodes"][0] |= change
    path.write_text(json.dumps(value))
    with pytest.raises(CommandError, match="cannot be read"):
        load_state(state.directory)


def test_a_file_too_large_is_not_read(state: LocalnetState) -> None:
    path = state.directory / "localnet.json"
    path.write_text(path.read_text() + " " * MAX_STATE_BYTES)
    with pytest.raises(CommandError, match="larger than 1 MiB"):
        load_state(state.directory)


def test_one_command_at_a_time_changes_a_network(
    state: LocalnetState, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []

    def second() -> None:
        with locked(state.directory):
            order.append("second")

    with locked(state.directory):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
        monkeypatch.setattr(localnet_state, "LOCK_WAIT_S", 0.0)
        with (
            pytest.raises(CommandError, match="another command has been changing") as caught,
            locked(state.directory),
        ):
            pass
        assert caught.value.exit_code == CommandExit.LOCALNET
    waiting.join()
    assert order == ["first", "second"]


def test_hints_name_the_folder_unless_it_is_the_usual_one() -> None:
    assert dir_option(Path(".localnet")) == ""
    assert dir_option(Path("/srv/my net")) == " --dir '/srv/my net'"


def test_a_state_of_another_version_is_refused(state: LocalnetState) -> None:
    path = state.directory / "localnet.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    with pytest.raises(CommandError, match="version 2") as caught:
        load_state(state.directory)
    assert "--fresh" in caught.value.fix


def test_a_dead_process_is_not_a_later_one_with_its_number(child: subprocess.Popen[bytes]) -> None:
    process = ProcessId.of(child.pid)
    assert process.is_alive
    assert not replace(process, started=process.started + 1).is_alive
    assert not replace(process, started=process.started + 1).send(signal.SIGKILL)
    assert child.poll() is None


def test_a_zombie_is_not_alive() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    process = ProcessId.of(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_alive
    os.waitpid(pid, 0)


def test_stopping_ends_every_process(state: LocalnetState, child: subprocess.Popen[bytes]) -> None:
    state = state.with_node(replace(state.nodes[0], process=ProcessId.of(child.pid)))
    assert state.is_running
    stopped = stop_nodes(state)
    assert not stopped.is_running
    saved = load_state(state.directory)
    assert saved is not None
    assert all(node.process is None for node in saved.nodes)


def test_a_node_that_does_not_exist_is_named(state: LocalnetState) -> None:
    with pytest.raises(CommandError, match="no node 4"):
        state.node(4)
    with pytest.raises(CommandError, match="no node -1"):
        state.node(-1)


def test_commands_need_a_running_network(state: LocalnetState) -> None:
    with pytest.raises(CommandError, match="no local network runs"):
        running_state(state.directory)


def test_only_what_a_local_network_made_is_removed(state: LocalnetState, tmp_path: Path) -> None:
    (state.directory / "node0/data").mkdir(parents=True, exist_ok=True)
    (state.directory / "accounts").mkdir()
    (state.directory / "my-notes.txt").write_text("mine")
    remove_network(state.directory)
    assert [path.name for path in state.directory.iterdir()] == ["my-notes.txt"]
    with pytest.raises(CommandError, match="holds no local network"):
        remove_network(state.directory)
    remove_network(tmp_path / "none")


@pytest.mark.parametrize(("network", "count"), [("mainnet", 4), ("testnet", 0), ("testnet", 25)])
def test_networks_that_cannot_be_local_are_refused(
    tmp_path: Path, network: str, count: int
) -> None:
    with pytest.raises(CommandError) as caught:
        make_network(tmp_path / "net", network, count)
    assert caught.value.exit_code == CommandExit.USAGE
    assert not (tmp_path / "net").exists()


def test_taken_ports_are_all_named(state: LocalnetState) -> None:
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first, second = (holder.getsockname()[1] for holder in holders)
    nodes = tuple(
        replace(node, rpc_port=port, p2p_port=port)
        for node, port in zip(state.nodes[:2], (first, second), strict=True)
    )
    with pytest.raises(CommandError) as caught:
        require_free_ports(replace(state, nodes=nodes), is_new=False)
    for holder in holders:
        holder.close()
    assert str(first) in caught.value.cause
    assert str(second) in caught.value.cause
    assert "--base-port with --fresh" in caught.value.fix
