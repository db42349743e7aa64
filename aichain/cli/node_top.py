"""`aichain node top`: the terminal as a dashboard of one node, or of a fleet."""

import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.fleet_files import FleetChoice, fleet_options
from aichain.cli.options import json_option
from aichain.cli.output import show
from aichain.cli.terminals import can_redraw
from aichain.cli.top_samples import FleetSampler, NodeFigures
from aichain.cli.top_screen import render_top
from aichain.cli.values import SECONDS
from aichain.rpc.block_pace import pace_of

QUIT: Final = ("q", "Q", "\x03", "\x04")
PAUSE: Final = ("p", "P", " ")


@click.command()
@fleet_options
@json_option
@click.option(
    "--every", type=SECONDS, default="1", show_default=True, help="Seconds between two looks."
)
def top(fleet: FleetChoice, as_json: bool, every: float) -> None:
    """Watch a node, or all nodes of a registry, in the terminal: q quits, p pauses.

    Which nodes are meant is found as by `aichain node health`. With --json, or where nobody looks
    at a terminal that can be drawn on, one look is printed.
    """
    nodes = fleet.load().nodes
    if fleet.name is not None:
        nodes = tuple(node for node in nodes if node.name == fleet.name)
    sampler = FleetSampler(nodes)
    console = Console()
    try:
        if as_json:
            show([_document(each) for each in sampler.sample()], as_json=True)
        elif can_redraw(console) and sys.stdin.isatty():
            with _keys() as next_key:
                _watch(sampler, console, next_key, every)
        else:
            seen = sampler.sample()
            console.print(render_top(seen, len(seen) + console.height, is_paused=False))
            if all(each.silence for each in seen):
                raise CommandError(
                    seen[0].silence, "start a node, or name one with --rpc", CommandExit.UNREACHABLE
                )
    finally:
        sampler.close()


def _watch(
    sampler: FleetSampler, console: Console, next_key: Callable[[float], str], every_s: float
) -> None:
    """Until somebody presses q."""
    is_paused, seen = False, sampler.sample()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(render_top(seen, console.height, is_paused=is_paused), refresh=True)
            key = next_key(every_s)
            if key in QUIT:
                return
            if key in PAUSE:
                is_paused = not is_paused
            if not is_paused:
                seen = sampler.sample()


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """The key that is pressed within so many seconds, or nothing; without Enter."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def next_key(wait_s: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], wait_s)
        return sys.stdin.read(1) if ready else ""

    tty.setcbreak(descriptor)
    try:
        yield next_key
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _document(each: NodeFigures) -> dict[str, object]:
    pace = pace_of(each.blocks)
    return {
        "node": each.name,
        "silence": each.silence or None,
        "height": each.height,
        "targetHeight": each.target_height,
        "epoch": each.epoch,
        "view": each.view,
        "peers": each.peers,
        "voting": each.voting,
        "syncing": each.is_syncing,
        "indexedHeight": each.indexed_height,
        "finalizedAgoMs": each.finalized_ago_ms,
        "mempool": each.mempool,
        "intervalMs": pace.interval_ms,
        "finalityMs": pace.finality_ms,
        "finalityWorstMs": pace.finality_worst_ms,
        "transactionsPerSecond": pace.transactions_per_second,
        "troubles": list(each.troubles),
    }
