"""What the live table says, from nodes that are scripted: speed, participation, who is down."""

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from rich.console import Console

from aichain.cli.localnet_health import health_lines
from aichain.cli.localnet_nodes import make_network
from aichain.cli.localnet_state import ProcessId
from aichain.cli.localnet_view import Watcher, line_of, network_json, render_table, rows
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving

Watched: TypeAlias = tuple[ScriptedNode, Watcher]
STATUS = {
    "height": 5,
    "blockHash": "0x" + "ab" * 32,
    "finalizedAgoMs": 212,
    "peers": 3,
    "voting": "yes",
    "syncing": False,
}


def block(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "timestampMs": 1_000_000 + 500 * height,
        "finalizedAtMs": 1_000_000 + 500 * height + 40 + height,
        "transactionCount": 10,
    }


def commit(height: int) -> dict[str, Any]:
    indices = (0, 1, 2) if height % 2 else (0, 1)
    return {"certificate": {"signers": [{"index": index} for index in indices]}}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Node 0 answers; node 1 is up and silent; node 2 was killed; node 3 ended by itself."""
    script = ScriptedNode()
    script.answers |= {
        "aichain_status": STATUS,
        "aichain_getBlock": block,
        "aichain_commit": commit,
        "aichain_mempool": {"count": 7},
    }
    with serving(script) as node:
        state = make_network(tmp_path / "net", "testnet", 4, base_port=20_000)
        alive = ProcessId.of(os.getpid())
        first, second, third, _ = state.nodes
        port = int(node.url.rpartition(":")[2])
        state = state.with_node(replace(first, process=alive, rpc_port=port))
        state = state.with_node(replace(second, process=alive, rpc_port=1))
        state = state.with_node(replace(third, wanted=False))
        watcher = Watcher(state)
        yield script, watcher
        watcher.close()


def test_speed_and_participation_come_from_the_blocks(watched: Watched) -> None:
    _, watcher = watched
    watcher.sample()
    summary = watcher.summary()
    assert summary.height == 5
    assert summary.interval_ms == 500
    assert (summary.finality_ms, summary.finality_worst_ms) == (43, 45)
    assert summary.transactions_s == 20.0
    assert summary.mempool == 7
    assert dict(summary.participation) == {0: 100, 1: 100, 2: 60, 3: 0}


def test_a_block_is_asked_for_once(watched: Watched) -> None:
    script, watcher = watched
    watcher.sample()
    watcher.sample()
    asked = [params for method, params in script.calls if method == "aichain_getBlock"]
    assert asked == [[1], [2], [3], [4], [5]]


def test_a_long_absence_is_not_read_block_by_block(watched: Watched) -> None:
    script, watcher = watched
    watcher.sample()
    script.answers["aichain_status"] = STATUS | {"height": 500}
    script.calls.clear()
    watcher.sample()
    asked = [params[0] for method, params in script.calls if method == "aichain_getBlock"]
    assert asked == list(range(493, 501))


def test_a_chain_that_starts_anew_starts_a_new_window(watched: Watched) -> None:
    script, watcher = watched
    watcher.sample()
    script.answers["aichain_status"] = STATUS | {"height": 2}
    watcher.sample()
    watcher.sample()
    assert watcher.summary().height == 2


def test_every_state_of_a_node_has_its_word(watched: Watched) -> None:
    script, watcher = watched
    watcher.sample()
    assert [row["state"] for row in rows(watcher)] == ["running", "starting", "killed", "ended"]
    for voting, word in (("probation", "probation"), ("behindLog", "behind log")):
        script.answers["aichain_status"] = STATUS | {"voting": voting}
        watcher.sample()
        assert rows(watcher)[0]["state"] == word
    assert [each["alive"] for each in network_json(watcher)["nodes"]] == [True, True, False, False]


def test_a_window_without_blocks_is_shown_as_such(watched: Watched) -> None:
    script, watcher = watched
    script.answers["aichain_status"] = STATUS | {"height": 0}
    watcher.sample()
    assert line_of(watcher.summary()).startswith("height 0  every -  final in - (worst -)")


def test_the_age_of_the_last_block_is_that_of_the_most_advanced_node(watched: Watched) -> None:
    script, watcher = watched
    watcher.sample()
    assert watcher.health().age_ms == 212
    assert not watcher.health().stands
    script.answers["aichain_status"] = STATUS | {"finalizedAgoMs": 95_000}
    watcher.sample()
    value = network_json(watcher)
    assert (value["finalizedAgoMs"], value["stands"]) == (95_000, True)
    assert "validators 1, 2, 3 cannot be reached" in value["cause"]
    assert "localnet start 2 --dir" in value["fix"]
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render_table(watcher))
    assert "STANDING: the last block is 95 s old" in console.export_text()


def test_a_node_with_a_wrong_clock_has_a_line_of_its_own(watched: Watched) -> None:
    script, watcher = watched
    wrong = {"clockOffsetMs": -4_800, "clockTrouble": "the clock of this machine is behind"}
    script.answers["aichain_status"] = STATUS | wrong
    watcher.sample()
    assert health_lines(watcher.health()) == [
        "last block 212 ms ago",
        "node 0: the clock of this machine is behind",
    ]
    offsets = [each["clockOffsetMs"] for each in network_json(watcher)["nodes"]]
    assert offsets == [-4_800, None, None, None]
    script.answers["aichain_status"] = STATUS | {"clockOffsetMs": 0}
    watcher.sample()
    assert health_lines(watcher.health()) == ["last block 212 ms ago"]


def test_before_the_first_block_there_is_no_age(watched: Watched) -> None:
    script, watcher = watched
    script.answers["aichain_status"] = STATUS | {"height": 0, "finalizedAgoMs": 10**12}
    watcher.sample()
    assert watcher.health().age_ms is None
    assert not watcher.health().stands


def test_regions_are_shown_while_the_network_spans_the_world(watched: Watched) -> None:
    _, watcher = watched
    watcher.sample()
    assert "region" not in rows(watcher)[0]
    assert network_json(watcher)["nodes"][3]["region"] is None
    watcher.state = replace(watcher.state, regions=True)
    places = ["Virginia", "Oregon", "Ireland", "Frankfurt"]
    assert [row["region"] for row in rows(watcher)] == places
    assert [each["region"] for each in network_json(watcher)["nodes"]] == places
    assert network_json(watcher)["regions"]
    console = Console(width=90, file=io.StringIO(), record=True)
    console.print(render_table(watcher))
    assert "Frankfurt" in console.export_text()


def test_the_table_fits_a_terminal(watched: Watched) -> None:
    _, watcher = watched
    watcher.sample()
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(render_table(watcher))
    text = console.export_text()
    assert len(text.splitlines()) == 8
    assert "last block 212 ms ago" in text
    assert "running" in text
