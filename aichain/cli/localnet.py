"""`aichain localnet`: run a local network of validators, look at it, and disturb it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.load import LoadPlan, run_load
from aichain.cli.localnet_health import health_lines
from aichain.cli.localnet_nodes import (
    BLOCK_TIME_MS,
    kill_node,
    set_partition,
    set_regions,
    start_node,
    wait_for_answers,
)
from aichain.cli.localnet_state import (
    BASE_PORT,
    DEFAULT_DIRECTORY,
    MAX_NODES,
    LocalnetState,
    locked,
    running_state,
)
from aichain.cli.localnet_up import READY_TIMEOUT_S, UpRequest, bring_up, take_down
from aichain.cli.localnet_view import Watcher, line_of, network_json, region_name, rows
from aichain.cli.options import json_option
from aichain.cli.output import show, table
from genesis.limits import BLOCK_TIME_MAX_MS
from genesis.networks import PUBLIC_NETWORKS

DIRECTORY: Final = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DIRECTORY,
    show_default=True,
    help="Folder of the local network.",
)


@click.group()
def localnet() -> None:
    """Run a local network of validators, look at it, and disturb it.

    localnet/up and localnet/down are the same as `up` and `down` here, and install first.
    """


@localnet.command()
@click.option("--validators", type=click.IntRange(1, MAX_NODES), default=4, show_default=True)
@click.option("--network", type=click.Choice(PUBLIC_NETWORKS), default="testnet", show_default=True)
@DIRECTORY
@click.option("--fresh", is_flag=True, help="Throw away what the folder holds.")
@click.option("--detach", is_flag=True, help="Return once a block is final; run in background.")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after SECONDS.")
@click.option("--load", type=click.FloatRange(0, 5000), default=0.0, help="Send TXS_PER_S.")
@click.option(
    "--regions",
    is_flag=True,
    help="Node I stands in cloud region I mod 8, and what others send arrives that much later.",
)
@click.option(
    "--base-port",
    type=click.IntRange(1024, 65_000),
    default=BASE_PORT,
    show_default=True,
    help="Node I listens on this + 10·I, and for peers on the next one.",
)
@click.option(
    "--block-time-ms",
    type=click.IntRange(100, BLOCK_TIME_MAX_MS),
    default=BLOCK_TIME_MS,
    show_default=True,
    help="Time between blocks; all other times of consensus grow with it.",
)
@click.option(
    "--vouch-for-vote-log",
    "vouch",
    type=int,
    multiple=True,
    metavar="I",
    help="Start node I as `start --vouch-for-vote-log` does.",
)
def up(**given: object) -> None:
    """Start N validators, show them, and stop them all at the end."""
    sys.exit(bring_up(UpRequest(**given)))  # type: ignore[arg-type]  # click has checked each type


@localnet.command()
@DIRECTORY
def down(directory: Path) -> None:
    """Stop the local network of a folder."""
    running = take_down(directory)
    click.echo(f"stopped {running} nodes" if running else f"nothing runs in {directory}")


@localnet.command()
@DIRECTORY
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Heights, peers, participation and speed of a running local network."""
    watcher = Watcher(running_state(directory))
    try:
        watcher.sample()
        if as_json:
            show(network_json(watcher), as_json=True)
        else:
            lines = [line_of(watcher.summary()), *health_lines(watcher.health())]
            click.echo("\n".join([*lines, "", *table(rows(watcher))]))
    finally:
        watcher.close()


@localnet.command()
@click.argument("index", type=int)
@DIRECTORY
def kill(index: int, directory: Path) -> None:
    """Kill node INDEX (SIGKILL, as a power cut)."""
    with _changing(directory) as state:
        kill_node(state, index)
    again = f"aichain localnet start {index}{state.dir_option}"
    click.echo(f"node {index} is dead; `{again}` brings it back")


@localnet.command()
@click.argument("index", type=int)
@click.option(
    "--vouch-for-vote-log",
    "vouch",
    is_flag=True,
    help="It votes although its vote log is new, once the chain stands. Only where no other "
    "process votes as this validator; see consensus/README.md.",
)
@click.option(
    "--sync-again", is_flag=True, help="Its chain directory was removed: sync from block 0."
)
@DIRECTORY
def start(index: int, vouch: bool, sync_again: bool, directory: Path) -> None:
    """Start node INDEX again."""
    options = ["--sync-again"] if sync_again else []
    with _changing(directory) as state:
        state = start_node(state, index, vouch=vouch, options=options)
    wait_for_answers([state.node(index)], READY_TIMEOUT_S)
    click.echo(f"node {index} runs; `aichain localnet status{state.dir_option}` shows it")


@localnet.command()
@click.argument("nodes", metavar="A,B,…")
@DIRECTORY
def partition(nodes: str, directory: Path) -> None:
    """Cut the nodes A,B,… off from the others; the two sides do not hear each other."""
    with _changing(directory) as state:
        side = _side(state, nodes)
        set_partition(state, side)
    others = sorted({node.index for node in state.nodes} - side)
    heals = f"aichain localnet heal{state.dir_option}"
    click.echo(f"cut: {sorted(side)} | {others}; `{heals}` ends it")


@localnet.command()
@DIRECTORY
def heal(directory: Path) -> None:
    """End a partition."""
    with _changing(directory) as state:
        set_partition(state, frozenset())
    click.echo("healed")


@contextmanager
def _changing(directory: Path) -> Iterator[LocalnetState]:
    """The network as it is once all other commands are done with it."""
    running_state(directory)
    with locked(directory):
        yield running_state(directory)


def _side(state: LocalnetState, nodes: str) -> frozenset[int]:
    """The nodes of one side, as they were written."""
    try:
        named = [state.node(int(part)).index for part in nodes.split(",")]
    except ValueError:
        cause = f"{nodes!r} is not a list of nodes"
    else:
        side = frozenset(named)
        if len(side) < len(named):
            cause = f"{nodes} names a node twice"
        elif len(side) == len(state.nodes):
            cause = f"{nodes} is every node, so there is nobody to cut them off from"
        else:
            return side
    raise CommandError(
        cause, "write some of the nodes, each once: for example 0,1", CommandExit.USAGE
    )


@localnet.command()
@click.argument("switch", metavar="on|off", type=click.Choice(("on", "off")))
@DIRECTORY
def regions(switch: str, directory: Path) -> None:
    """Put the nodes into eight cloud regions, as far apart as these are, or end that."""
    on = switch == "on"
    with _changing(directory) as state:
        state = set_regions(state, on=on)
    if not on:
        click.echo("the nodes stand side by side again")
        return
    places = ", ".join(f"{node.index} {region_name(node.index)}" for node in state.nodes)
    ends = f"aichain localnet regions off{state.dir_option}"
    click.echo(f"the nodes stand in: {places}; `{ends}` ends it")


@localnet.command()
@click.argument("rate", type=click.FloatRange(0.1, 5000), metavar="TXS_PER_S")
@click.option("--for", "seconds", type=click.FloatRange(min=1), help="Stop after SECONDS.")
@click.option("--senders", type=click.IntRange(1, 1000), default=100, show_default=True)
@DIRECTORY
@json_option
def load(rate: float, seconds: float | None, senders: int, directory: Path, as_json: bool) -> None:
    """Send signed transfers at a rate and report how long they take to become final."""
    state = running_state(directory)
    urls = tuple(node.rpc_url for node in state.nodes if node.is_alive)
    if not urls:
        raise CommandError(
            "no node of the local network runs",
            f"`aichain localnet start 0{state.dir_option}`",
            CommandExit.LOCALNET,
        )
    plan = LoadPlan(urls=urls, network=state.network, rate=rate, senders=senders, seconds=seconds)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    report = run_load(plan, say=lambda line: click.echo(line, err=as_json), stop=stop)
    show(report.as_json(), as_json=as_json)
