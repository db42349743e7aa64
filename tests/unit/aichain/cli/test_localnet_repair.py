"""A damaged state file costs nothing: what runs is found and ended, and the chain goes on."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import PROGRAM, layout_of, make_network
from aichain.cli.localnet_repair import find_processes, rebuilt_state
from aichain.cli.localnet_state import (
    LocalnetState,
    StateDamaged,
    current_state,
    load_state,
    running_state,
)
from aichain.cli.localnet_up import UpRequest, _prepare, take_down
from aichain.config import load_document
from genesis.errors import InvalidGenesis
from genesis.upgrades import BlockVersion, Upgrade

Start: TypeAlias = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def state(tmp_path: Path) -> LocalnetState:
    """A network whose file a power cut has emptied."""
    made = make_network(tmp_path / "net", "testnet", 4, base_port=20_000)
    (made.directory / "localnet.json").write_bytes(b"")
    return made


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Processes with the command lines of nodes, which only sleep."""
    (tmp_path / "code/aichain").mkdir(parents=True)
    (tmp_path / "code/aichain/__main__.py").write_text("import time\ntime.sleep(60)\n")
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: object, cwd: Path = tmp_path) -> subprocess.Popen[bytes]:
        environ = os.environ | {"PYTHONPATH": str(tmp_path / "code")}
        command = [*PROGRAM, *map(str, arguments)]
        started.append(subprocess.Popen(command, cwd=cwd, env=environ))
        while not Path(f"/proc/{started[-1].pid}/cmdline").read_bytes():
            time.sleep(0.001)  # exec has returned, and the kernel has yet to show the arguments
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def request(state: LocalnetState, *, fresh: bool = False) -> UpRequest:
    return UpRequest(state.directory, 4, "testnet", base_port=20_000, fresh=fresh)


def test_a_damaged_file_is_said_with_the_way_on(state: LocalnetState) -> None:
    with pytest.raises(StateDamaged) as caught:
        running_state(state.directory)
    assert "localnet.json cannot be read" in caught.value.cause
    assert f"`localnet/down --dir {state.directory}`" in caught.value.fix
    assert f"`localnet/up --dir {state.directory}`" in caught.value.fix


def test_a_file_that_is_gone_is_damaged_where_the_rest_is_there(
    state: LocalnetState, start: Start, tmp_path: Path
) -> None:
    (state.directory / "localnet.json").unlink()
    with pytest.raises(
        StateDamaged, match=r"localnet.json cannot be read \(.*No such file"
    ) as caught:
        running_state(state.directory)
    assert "--fresh" not in caught.value.fix  # what says that it is ours to throw away is gone
    with pytest.raises(CommandError, match="holds no local network"):
        _prepare(request(state, fresh=True))
    start("run", "--home", state.nodes[0].home)
    with pytest.raises(CommandError, match=r"runs in .* already"):
        _prepare(request(state))
    assert take_down(state.directory) == 1
    assert _prepare(request(state)) == state
    assert load_state(tmp_path) is None


@pytest.mark.parametrize("lost", [True, False])
def test_who_watches_over_a_network_writes_its_lost_file_again(
    state: LocalnetState, lost: bool
) -> None:
    if lost:
        (state.directory / "localnet.json").unlink()
    assert current_state(state) == state
    assert load_state(state.directory) == state
    partitioned = replace(state, partition=(1,))
    partitioned.save()
    assert current_state(state) == partitioned


@pytest.mark.parametrize("damage", ["", "x = 1", "\0", None])
def test_a_lost_genesis_document_is_made_again_by_up(
    state: LocalnetState, damage: str | None
) -> None:
    state.save()
    whole = state.genesis.read_text()
    if damage is None:
        state.genesis.unlink()
    else:
        state.genesis.write_text(damage)
    assert _prepare(request(state)) == state
    assert state.genesis.read_text() == whole


def test_the_document_has_its_upgrades_again_which_its_hash_does_not_tell(
    state: LocalnetState,
) -> None:
    later = (Upgrade(BlockVersion.KEYS_SHOWN_ONCE, 518_400),)
    document = replace(load_document(str(state.genesis)), upgrades=later)
    state = layout_of(state.directory, document, 20_000)
    state.save()
    state.genesis.unlink()
    _prepare(request(state))
    assert load_document(str(state.genesis)).upgrades == later


def test_a_document_of_ones_own_is_not_replaced_by_another(state: LocalnetState) -> None:
    replace(state, genesis_hash="0x" + "11" * 32).save()
    state.genesis.write_text("mine")
    with pytest.raises(InvalidGenesis):
        _prepare(request(state))
    assert state.genesis.read_text() == "mine"


def test_the_processes_of_a_folder_are_found_however_it_was_named(
    state: LocalnetState, start: Start
) -> None:
    home = state.nodes[0].home
    ours = {
        start("run", "--home", home).pid,
        start("run", "--home", "net/node1", "--founder", 1).pid,
        start("run", "--home=node2", cwd=state.directory).pid,
        start("localnet", "up", "--dir", state.directory).pid,
    }
    start("run", "--home", state.directory.parent / "other/node0")
    start("run", "--home", state.directory / "accounts")
    start("localnet", "up", "--dir", "other")
    start("localnet", "status", "--dir", state.directory)
    assert {process.pid for process in find_processes(state.directory)} == ours


def test_down_ends_what_runs(
    state: LocalnetState, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = start("run", "--home", state.nodes[0].home)
    other = start("run", "--home", state.directory.parent / "other/node0")
    assert take_down(state.directory) == 1
    assert mine.wait() is not None
    assert other.poll() is None
    assert "localnet.json cannot be read" in capsys.readouterr().err
    assert take_down(state.directory) == 0


def test_up_goes_on_with_the_homes_that_are_there(state: LocalnetState) -> None:
    assert _prepare(request(state)) == state
    with pytest.raises(StateDamaged):
        load_state(state.directory)  # `up` saves it once it is in charge


@pytest.mark.parametrize("fresh", [False, True])
def test_up_disturbs_nothing_that_still_runs(
    state: LocalnetState, start: Start, fresh: bool
) -> None:
    start("run", "--home", state.nodes[0].home)
    with pytest.raises(CommandError, match=r"runs in .* already") as caught:
        _prepare(request(state, fresh=fresh))
    assert f"localnet/down --dir {state.directory}" in caught.value.fix
    assert state.genesis.is_file()


def test_without_the_genesis_document_only_a_new_network_is_left(state: LocalnetState) -> None:
    state.genesis.write_text("")
    with pytest.raises(CommandError, match=r"neither localnet.json nor genesis.toml") as caught:
        rebuilt_state(state.directory, 20_000)
    assert caught.value.exit_code == CommandExit.LOCALNET
    assert f"localnet/up --fresh --dir {state.directory}" in caught.value.fix
    assert _prepare(request(state, fresh=True)) == state
    assert load_state(state.directory) == state


def test_a_shell_that_was_told_to_start_one_is_not_the_one_that_watches(
    state: LocalnetState,
) -> None:
    words = ["/bin/sh", "-c", "read line", "localnet", "up", "--dir", str(state.directory)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as shell:
        found = find_processes(state.directory)
        shell.kill()
    assert found == ()
