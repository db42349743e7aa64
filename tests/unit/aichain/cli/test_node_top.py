"""The dashboard in the terminal: rendered from fixed values, in 80 columns and 24 lines."""

import io
import os
import pty
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from aichain.cli import node_top
from aichain.cli.exit_codes import CommandExit
from aichain.cli.top_samples import (
    BlockFigures,
    NodeFigures,
    PeerFigures,
    figures_of,
)
from aichain.cli.top_screen import chart, render_top

WIDTH, HEIGHT = 80, 24
BLOCKS = tuple(
    BlockFigures(100 + n, 200 + n + (n > 5), 1_000 + 500 * n, 1_040 + 500 * n + 8 * n, 2)
    for n in range(10)
)
PEERS = tuple(
    PeerFigures(f"12D3KooWPeerNumber{n:04d}", "inbound", 109, 3 * n, 100) for n in range(40)
)
NODE = NodeFigures(
    name="node0",
    took_ms=2,
    network="testnet",
    version="0.1.0",
    engine="avx512 (default; known: avx512, avx2, portable, openssl, gpu)",
    height=109,
    target_height=109,
    epoch=3,
    view=210,
    finalized_ago_ms=212,
    peers=3,
    voting="yes",
    mempool=7,
    mempool_bytes=24_000,
    neighbours=PEERS[:3],
    blocks=BLOCKS,
)


def drawn(*nodes: NodeFigures, is_paused: bool = False) -> list[str]:
    page = io.StringIO()
    console = Console(file=page, width=WIDTH, height=HEIGHT, color_system=None)
    console.print(render_top(nodes, HEIGHT, is_paused=is_paused), end="")
    return page.getvalue().splitlines()


def test_one_node_with_its_peers() -> None:
    assert drawn(NODE) == [
        "testnet  height 109  epoch 3  view 210  last block 212 ms ago",
        "every 500 ms  final in 76 ms (worst 112 ms)  4.0 tx/s  1.11 views a block",
        "mempool 7 (23.4 KiB)  peers 3  votes: yes  signatures by avx512",
        "finality ▃▄▄▅▆▆▇▇██",
        "",
        "peer                   direction  height  round trip  score",
        "…D3KooWPeerNumber0000  inbound       109           -    100",
        "…D3KooWPeerNumber0001  inbound       109        3 ms    100",
        "…D3KooWPeerNumber0002  inbound       109        6 ms    100",
        "",
        "q quits   p pauses",
    ]


def test_a_fleet_with_one_that_is_silent_and_one_that_syncs() -> None:
    silent = NodeFigures("node1", silence="no node answers (url http://127.0.0.1:3700)")
    late = replace(NODE, name="node2", height=50, is_syncing=True, voting="behindLog")
    text = "\n".join(drawn(NODE, silent, late, is_paused=True))
    assert "node0  running     109       0      212 ms      3  yes         2" in text
    assert "node1  silent        -       -           -      -  -           -" in text
    assert "node2  syncing      50      59      212 ms      3  behindLog   2" in text
    assert "node1: no node answers" in text
    assert text.endswith("q quits   p pauses   PAUSED")


def test_nobody_answers() -> None:
    assert drawn(NodeFigures("node", silence="refused"))[0] == "no node answers"


@pytest.mark.parametrize("count", [1, 2, 12, 13, 14, 15, 16, 200])
def test_it_fits_80_columns_and_24_lines(count: int) -> None:
    trouble = replace(NODE, troubles=("the clock is wrong " * 20,) * 3, is_syncing=True)
    for fleet in ([replace(trouble, neighbours=PEERS[: count % 41])], [trouble] * count):
        lines = drawn(*fleet)
        assert len(lines) <= HEIGHT
        assert all(len(line) <= WIDTH for line in lines)
        assert lines[-1] == "q quits   p pauses"
    if count == 200:
        assert any("more" in line for line in lines)


def test_what_a_node_is_behind_with() -> None:
    late = replace(NODE, is_syncing=True, target_height=218, indexed_height=0, height=109)
    assert "sync block 109 of 218 (50 %)" in drawn(late)
    assert not any("index" in line for line in drawn(late)), "by less than a batch"
    far = replace(late, height=1000, target_height=1000, indexed_height=250)
    assert "index accounts of block 250 of 1000 (25 %)" in drawn(far)


def test_bars() -> None:
    assert chart([]) == "-"
    assert chart([0, 50, 100]) == "▁▄█"


def test_an_answer_of_other_types_is_nothing_and_moves_no_cursor() -> None:
    status: Any = {"network": "\x1b[2Jevil", "height": "9", "epoch": -1, "voting": None}
    found = figures_of("n", 1, status, {"count": 1 << 70}, [{"peerId": "\n"}], ())
    assert (found.height, found.epoch, found.mempool) == (0, 0, 0)
    assert found.network.isprintable()
    assert found.neighbours[0].peer_id.isprintable()


def test_keys_quit_and_pause() -> None:
    class Sampler:
        looks = 0

        def sample(self) -> tuple[NodeFigures, ...]:
            self.looks += 1
            return (NODE,)

    sampler: Any = Sampler()
    keys = iter(["", "p", "", "", "p", "", "q"])
    console = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT, force_terminal=True)
    node_top._watch(sampler, console, lambda _wait_s: next(keys), 0.0)
    assert sampler.looks == 1 + 1 + 2, "none while it was paused"


def test_a_terminal_that_cannot_be_drawn_on_gets_one_look() -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", 0) as screen, os.fdopen(slave, "rb", 0) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "aichain", "node", "top", "--rpc", "http://127.0.0.1:1"],
            env=os.environ | {"TERM": "dumb"},
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        assert done.returncode == CommandExit.UNREACHABLE
        assert b"no node answers" in screen.read(4096)
