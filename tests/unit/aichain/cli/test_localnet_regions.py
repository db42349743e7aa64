"""Regions: every node that runs is told, later ones start there, and `up` says where it begins."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import localnet_nodes, main
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import make_network, set_regions, start_node
from aichain.cli.localnet_state import LocalnetState, ProcessId, load_state
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving

Net: TypeAlias = tuple[LocalnetState, list[ScriptedNode]]
PLACE = "aichain_setRegions"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Two nodes that answer, and a third that was killed."""
    state = make_network(tmp_path / "net", "testnet", 3, base_port=20_000)
    scripts = [ScriptedNode() for _ in range(2)]
    alive = ProcessId.of(os.getpid())
    with ExitStack() as stack:
        for index, script in enumerate(scripts):
            script.answers |= {"aichain_status": {}, PLACE: None}
            port = int(stack.enter_context(serving(script)).url.rpartition(":")[2])
            state = state.with_node(replace(state.nodes[index], process=alive, rpc_port=port))
        state = state.with_node(replace(state.nodes[2], wanted=False))
        state.save()
        yield state, scripts


def told(script: ScriptedNode) -> list[bool]:
    return [params[0] for method, params in script.calls if method == PLACE]


def saved(state: LocalnetState) -> bool:
    found = load_state(state.directory)
    assert found is not None
    return found.regions


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["localnet", *arguments])


def test_each_node_is_told_and_the_network_remembers(net: Net) -> None:
    state, scripts = net
    done = command("regions", "on", "--dir", str(state.directory))
    assert done.exit_code == 0, done.output
    assert "0 Virginia, 1 Oregon, 2 Ireland" in done.output
    assert f"`aichain localnet regions off --dir {state.directory}`" in done.output
    assert [told(script) for script in scripts] == [[True], [True]]
    assert saved(state)
    assert command("regions", "off", "--dir", str(state.directory)).exit_code == 0
    assert [told(script) for script in scripts] == [[True, False], [True, False]]
    assert not saved(state)


def test_a_node_that_refuses_leaves_everything_as_it_was(net: Net) -> None:
    state, scripts = net
    scripts[1].answers[PLACE] = lambda on: Refusal(-32000, "no") if on else None
    with pytest.raises(CommandError, match=r"node 1 .*, so nothing was changed$") as caught:
        set_regions(state, on=True)
    assert caught.value.exit_code == CommandExit.UNREACHABLE
    assert f"localnet regions off --dir {state.directory}" in caught.value.fix
    assert told(scripts[0]) == [True, False]
    assert not saved(state)


@pytest.mark.parametrize("on", [True, False])
def test_a_node_starts_where_it_stands(net: Net, monkeypatch: pytest.MonkeyPatch, on: bool) -> None:
    state, _ = net
    spawned: list[list[str]] = []

    def spawn(arguments: list[str], log: Path, checkout: Path) -> int:
        spawned.append(arguments)
        return os.getpid()

    monkeypatch.setattr(localnet_nodes, "spawn", spawn)
    start_node(replace(state, regions=on), 2, options=("--fsync-delay-ms", "5"))
    assert ("--regions" in spawned[0]) == on
    assert spawned[0][-2:] == ["--fsync-delay-ms", "5"]


def test_regions_are_on_or_off(net: Net) -> None:
    state, scripts = net
    assert command("regions", "maybe", "--dir", str(state.directory)).exit_code == 2
    assert [told(script) for script in scripts] == [[], []]


def test_up_takes_regions() -> None:
    assert "--regions" in command("up", "--help").output
