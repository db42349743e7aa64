"""`aichain node`: manage a running node over the unix socket of its home."""

import os
from pathlib import Path

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.node_health import health
from aichain.cli.node_route import route_task
from aichain.cli.node_telemetry import telemetry
from aichain.cli.node_top import top
from aichain.cli.options import home_option
from aichain.client.connection import UNIX
from aichain.homes import homes_of, socket_of
from aichain.logs import LogLevel


@click.group()
def node() -> None:
    """Manage the running node of this machine, and look after a fleet of them."""


for command in (health, top, route_task, telemetry):
    node.add_command(command)


@node.command("log-level")
@click.argument("level", type=click.Choice([level.value for level in LogLevel]))
@click.option("--module", help="Of one module only, such as p2p or aichain.node.syncer.")
@home_option
def log_level(level: str, module: str | None, home: Path | None) -> None:
    """Say more or less in the log from now on, until the next start."""
    with local_client(home) as client:
        client.call("admin_setLogLevel", level, module)
    click.echo(f"{module or 'all modules'}: {level}")


@node.command()
@click.argument("address", metavar="MULTIADDR")
@home_option
def connect(address: str, home: Path | None) -> None:
    """Dial a peer, and again whenever it is lost, until the next start."""
    with local_client(home) as client:
        client.call("admin_connectPeer", address)
    click.echo("dialling")


@node.command()
@click.argument("peer_id", metavar="PEER_ID")
@home_option
def ban(peer_id: str, home: Path | None) -> None:
    """End the connection to a peer and refuse it for a while."""
    with local_client(home) as client:
        client.call("admin_banPeer", peer_id)
    click.echo("banned")


@node.command()
@home_option
def stop(home: Path | None) -> None:
    """Stop it cleanly."""
    with local_client(home) as client:
        client.call("admin_stop")
    click.echo("stopping")


def local_client(home: Path | None) -> RpcClient:
    """A client of the node that lives there; without a home, of the only one that runs."""
    if home is not None:
        return RpcClient(f"{UNIX}{socket_of(home)}")
    running = [each for each in homes_of(os.environ) if socket_of(each).exists()]
    if len(running) != 1:
        found = ", ".join(map(str, running)) if running else "none"
        raise CommandError(
            f"which node is meant? running under the usual homes: {found}",
            "name its home with --home",
            CommandExit.USAGE,
        )
    return RpcClient(f"{UNIX}{socket_of(running[0])}")
