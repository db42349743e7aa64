"""A partition reaches all nodes or none, and waits for those that are still starting."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import localnet_nodes, main
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import make_network, set_partition
from aichain.cli.localnet_state import LocalnetState, ProcessId, load_state
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving

Cut: TypeAlias = tuple[LocalnetState, list[ScriptedNode]]
BLOCK = "aichain_setBlockedPeers"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Cut]:
    """Three nodes that answer, and a fourth that was killed."""
    state = make_network(tmp_path / "net", "testnet", 4, base_port=20_000)
    scripts = [ScriptedNode() for _ in range(3)]
    alive = ProcessId.of(os.getpid())
    with ExitStack() as stack:
        for index, script in enumerate(scripts):
            script.answers |= {"aichain_status": {}, BLOCK: None}
            port = int(stack.enter_context(serving(script)).url.rpartition(":")[2])
            node = replace(state.nodes[index], process=alive, rpc_port=port)
            state = state.with_node(node)
        state = state.with_node(replace(state.nodes[3], wanted=False))
        state.save()
        yield state, scripts


def blocked(state: LocalnetState, script: ScriptedNode) -> list[list[int]]:
    """Whom a node was told to block, call by call, as indices."""
    index_of = {node.peer_id: node.index for node in state.nodes}
    calls = [params[0] for method, params in script.calls if method == BLOCK]
    return [[index_of[peer_id] for peer_id in call] for call in calls]


def saved(state: LocalnetState) -> tuple[int, ...]:
    found = load_state(state.directory)
    assert found is not None
    return found.partition


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["localnet", *arguments])


def test_each_node_is_told_whom_not_to_hear(net: Cut) -> None:
    state, scripts = net
    state = set_partition(state, frozenset({0, 1}))
    assert [blocked(state, script) for script in scripts] == [[[2, 3]], [[2, 3]], [[0, 1]]]
    assert saved(state) == (0, 1)
    set_partition(state, frozenset())
    assert [blocked(state, script)[1:] for script in scripts] == [[[]], [[]], [[]]]
    assert saved(state) == ()


def test_a_node_that_refuses_leaves_everything_as_it_was(net: Cut) -> None:
    state, scripts = net
    state = set_partition(state, frozenset({2}))
    before = [blocked(state, script) for script in scripts]

    def refuse_new(peer_ids: list[str]) -> object:
        return Refusal(-32000, "no room") if len(peer_ids) > 1 else None

    scripts[1].answers[BLOCK] = refuse_new
    with pytest.raises(CommandError, match=r"node 1 .*, so nothing was changed$") as caught:
        set_partition(state, frozenset({0, 1}))
    assert f"localnet heal --dir {state.directory}" in caught.value.fix
    assert [blocked(state, script)[-1:] for script in scripts] == [each[-1:] for each in before]
    assert len(blocked(state, scripts[2])) == 1, "it was never asked"
    assert saved(state) == (2,)


def test_what_could_not_be_undone_is_named(net: Cut) -> None:
    state, scripts = net
    scripts[0].answers[BLOCK] = Refusal(-32000, "no room")
    with pytest.raises(CommandError, match=r"nodes \[0\] may be cut off already"):
        set_partition(state, frozenset({0, 1}))


def test_a_node_that_is_starting_is_waited_for(net: Cut) -> None:
    state, scripts = net
    scripts[2].answers["aichain_status"] = Refusal(-32000, "not yet")
    ready = threading.Timer(0.4, lambda: scripts[2].answers.update(aichain_status={}))
    ready.start()
    set_partition(state, frozenset({0, 1}))
    ready.join()
    assert blocked(state, scripts[2]) == [[0, 1]]


def test_a_node_that_never_answers_means_nothing_is_cut(
    net: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, scripts = net
    monkeypatch.setattr(localnet_nodes, "REACH_TIMEOUT_S", 0.3)
    state = state.with_node(replace(state.nodes[2], rpc_port=1))
    with pytest.raises(CommandError, match="node 2 does not answer after") as caught:
        set_partition(state, frozenset({0, 1}))
    assert caught.value.exit_code == CommandExit.TIMEOUT
    assert str(state.nodes[2].log) in caught.value.fix
    assert [blocked(state, script) for script in scripts] == [[], [], []]
    assert saved(state) == ()


@pytest.mark.parametrize(
    ("nodes", "cause"),
    [
        ("0,0,1", "names a node twice"),
        ("0,1,2,3", "is every node"),
        ("0,x", "is not a list of nodes"),
        ("", "is not a list of nodes"),
    ],
)
def test_a_partition_that_is_none_is_refused(net: Cut, nodes: str, cause: str) -> None:
    state, scripts = net
    done = command("partition", nodes, "--dir", str(state.directory))
    assert done.exit_code == CommandExit.USAGE
    assert cause in done.stderr
    assert "each once" in done.stderr
    assert [blocked(state, script) for script in scripts] == [[], [], []]


def test_what_is_printed_names_the_folder(net: Cut) -> None:
    state, _ = net
    option = f"--dir {state.directory}"
    assert f"`aichain localnet heal {option}`" in command(*f"partition 0,1 {option}".split()).output
    assert f"`aichain localnet kill 0 {option}`" in command(*f"start 0 {option}".split()).stderr
    assert f"`aichain localnet start 3 {option}`" in command(*f"kill 3 {option}".split()).stderr


def test_the_port_that_an_error_recommends_is_in_the_help() -> None:
    assert "--base-port" in command("up", "--help").output
