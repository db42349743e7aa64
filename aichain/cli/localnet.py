"""`aichain localnet`: run a local network of validators, look at it, and disturb it."""

import signal
import sys
import threading
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.load import LoadPlan, run_load
from aichain.cli.localnet_nodes import kill_node, set_partition, start_node
from aichain.cli.localnet_state import BASE_PORT, DEFAULT_DIRECTORY, MAX_NODES, running_state
from aichain.cli.localnet_up import UpRequest, bring_up, take_down
from aichain.cli.localnet_view import Watcher, line_of, network_json, rows
from aichain.cli.options import json_option
from aichain.cli.output import show, table
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
@click.option("--base-port", type=click.IntRange(1024, 65_000), default=BASE_PORT, hidden=True)
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
            click.echo("\n".join([line_of(watcher.summary()), "", *table(rows(watcher))]))
    finally:
        watcher.close()


@localnet.command()
@click.argument("index", type=int)
@DIRECTORY
def kill(index: int, directory: Path) -> None:
    """Kill node INDEX (SIGKILL, as a power cut)."""
    kill_node(running_state(directory), index)
    click.echo(f"node {index} is dead; `aichain localnet start {index}` brings it back")


@localnet.command()
@click.argument("index", type=int)
@DIRECTORY
def start(index: int, directory: Path) -> None:
    """Start node INDEX again."""
    start_node(running_state(directory), index)
    click.echo(f"node {index} starts; `aichain localnet status` shows it")


@localnet.command()
@click.argument("nodes", metavar="A,B,…")
@DIRECTORY
def partition(nodes: str, directory: Path) -> None:
    """Cut the nodes A,B,… off from the others; the two sides do not hear each other."""
    state = running_state(directory)
    try:
        side = frozenset(state.node(int(part)).index for part in nodes.split(","))
    except ValueError:
        raise CommandError(
            f"{nodes!r} is not a list of nodes", "write for example 0,1", CommandExit.USAGE
        ) from None
    set_partition(state, side)
    others = sorted({node.index for node in state.nodes} - side)
    click.echo(f"cut: {sorted(side)} | {others}; `aichain localnet heal` ends it")


@localnet.command()
@DIRECTORY
def heal(directory: Path) -> None:
    """End a partition."""
    set_partition(running_state(directory), frozenset())
    click.echo("healed")


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
    plan = LoadPlan(urls=urls, network=state.network, rate=rate, senders=senders, seconds=seconds)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    report = run_load(plan, say=lambda line: click.echo(line, err=as_json), stop=stop)
    show(report.as_json(), as_json=as_json)
