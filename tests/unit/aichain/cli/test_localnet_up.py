"""When a local network is up: blocks of an earlier run prove nothing, and the end says why."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aichain.cli import localnet_up
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import make_network, spawn
from aichain.cli.localnet_state import LocalnetState, ProcessId
from aichain.cli.localnet_up import (
    StopSignal,
    UpRequest,
    _prepare,
    _wait_for_block,
    _why_it_ended,
)
from aichain.cli.localnet_view import Watcher
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving

STATUS = {
    "height": 900,
    "blockHash": "0x" + "ab" * 32,
    "peers": 3,
    "voting": "yes",
    "syncing": False,
}


def status(**changes: Any) -> dict[str, Any]:
    return STATUS | {"finalizedAgoMs": 60_000} | changes


@pytest.fixture
def state(tmp_path: Path) -> LocalnetState:
    return make_network(tmp_path / "net", "testnet", 4, base_port=20_000)


@pytest.fixture
def watched(state: LocalnetState) -> Iterator[tuple[ScriptedNode, Watcher]]:
    """Four nodes that all say the same, of a chain with 900 blocks."""
    script = ScriptedNode()
    script.answers |= {
        "aichain_status": status(),
        "aichain_getBlock": {"timestampMs": 1, "finalizedAtMs": 2, "transactionCount": 0},
        "aichain_commit": None,
        "aichain_mempool": {"count": 0},
    }
    alive = ProcessId.of(os.getpid())
    with serving(script) as node:
        port = int(node.url.rpartition(":")[2])
        nodes = tuple(replace(each, process=alive, rpc_port=port) for each in state.nodes)
        watcher = Watcher(replace(state, nodes=nodes))
        yield script, watcher
        watcher.close()


def test_a_resumed_chain_is_up_with_its_first_new_block(
    watched: tuple[ScriptedNode, Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, watcher = watched
    started = time.monotonic() - 10
    monkeypatch.setattr(localnet_up, "FIRST_BLOCK_TIMEOUT_S", 0.3)
    with pytest.raises(CommandError, match="no block became final within 0 s") as caught:
        _wait_for_block(watcher, StopSignal(), started)
    assert caught.value.exit_code == CommandExit.TIMEOUT
    script.answers["aichain_status"] = status(finalizedAgoMs=9_000)
    _wait_for_block(watcher, StopSignal(), started)


def test_the_end_says_why_no_block_came_and_how_one_would(
    watched: tuple[ScriptedNode, Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, watcher = watched
    script.answers["aichain_status"] = status(voting="probation")
    monkeypatch.setattr(localnet_up, "FIRST_BLOCK_TIMEOUT_S", 0.2)
    with pytest.raises(CommandError, match="0, 1, 2, 3 on probation") as caught:
        _wait_for_block(watcher, StopSignal(), time.monotonic())
    assert "--vouch-for-vote-log 0 --vouch-for-vote-log 1" in caught.value.fix


def test_what_the_background_said_last_is_repeated_with_its_code(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("stopping\nerror: no block: all are asleep\nfix:   wake them\n")
    child = ProcessId.of(spawn(["/bin/sh", "-c", "exit 8"], tmp_path / "out"))
    error = _why_it_ended(child, log)
    assert (error.cause, error.fix) == ("no block: all are asleep", "wake them")
    assert error.exit_code == CommandExit.TIMEOUT
    log.write_text("")
    killed = ProcessId.of(spawn(["/bin/sh", "-c", "kill -9 $$"], tmp_path / "out"))
    error = _why_it_ended(killed, log)
    assert error.cause == "it ended without a word"
    assert str(log) in error.fix
    assert error.exit_code == CommandExit.FAILED


def test_a_folder_of_another_shape_says_which_options_it_takes(state: LocalnetState) -> None:
    with pytest.raises(CommandError) as caught:
        _prepare(UpRequest(state.directory, 4, "testnet"))
    assert "--network testnet --validators 4 --base-port 20000" in caught.value.fix
    same = UpRequest(state.directory, 4, "testnet", base_port=20_000)
    assert _prepare(same) == state
    with pytest.raises(CommandError, match="no node 4"):
        _prepare(replace(same, vouch=(4,)))


def test_a_network_is_prepared_by_one_command_and_by_the_one_it_has_put_in_charge(
    state: LocalnetState,
) -> None:
    request = UpRequest(state.directory, 4, "testnet", base_port=20_000)
    mine = replace(state, supervisor=ProcessId.of(os.getpid()))
    mine.save()
    assert _prepare(request) == mine
    other = ProcessId.of(spawn(["/bin/sleep", "60"], state.directory / "out"))
    replace(state, supervisor=other).save()
    with pytest.raises(CommandError, match="runs in"):
        _prepare(request)
    other.send(signal.SIGKILL)
    os.waitpid(other.pid, 0)
    assert _prepare(request).supervisor == other


@pytest.mark.parametrize("fresh", [False, True])
def test_where_ports_are_taken_nothing_is_made_so_that_others_can_be_chosen(
    tmp_path: Path, fresh: bool
) -> None:
    request = UpRequest(tmp_path, 1, "testnet", fresh=fresh)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        with pytest.raises(CommandError, match=str(taken)) as caught:
            _prepare(replace(request, base_port=taken))
    assert caught.value.fix.endswith("or use --base-port")
    assert not list(tmp_path.iterdir())
    assert _prepare(replace(request, base_port=20_000)).nodes[0].rpc_port == 20_000
