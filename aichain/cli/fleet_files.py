"""Which fleet a command means: a registry file, a local network that runs here, or one node."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_state import DEFAULT_DIRECTORY, LocalnetState, load_state
from aichain.cli.values import FILE
from aichain.client.tokens import DEFAULT_URL
from aichain.errors import ExitCode
from aichain.fleet.fields import FleetFileInvalid
from aichain.fleet.registry import FleetNode, Registry, Role, parse_registry
from aichain.regular_file import read_regular
from genesis.limits import FLEET_FILE_MAX_BYTES
from native.node_keys import parse_peer_id

LONE_NODE: Final = "node"
NAMES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class FleetChoice:
    """Which nodes a command was told to look at."""

    registry: Path | None
    rpc: str | None
    name: str | None

    def load(self) -> Registry:
        """The fleet as the files are now; the node that is named is in it."""
        found = find_fleet(self.registry, self.rpc)
        if self.name is None:
            return found
        if found.find(self.name) is None:
            near = found.near(self.name)
            names = ", ".join(each.name for each in found.nodes[:NAMES_SHOWN])
            raise CommandError(
                f"there is no node {self.name[:80]!r}",
                f"did you mean {near}?" if near else f"nodes are called {names}",
                CommandExit.NOT_FOUND,
            )
        return found


def fleet_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--registry`, `--rpc` and `--node`, handed to the command as one `fleet`."""

    @functools.wraps(command)
    def with_fleet(*args: Any, **given: Any) -> None:  # noqa: ANN401 click passes what it has
        registry, rpc = given.pop("registry"), given.pop("rpc")
        command(*args, fleet=FleetChoice(registry, rpc, given.pop("name")), **given)

    wrapped: Callable[..., None] = with_fleet
    wrapped = click.option("--node", "name", help="This node of the registry only.")(wrapped)
    wrapped = click.option(
        "--rpc", envvar="AICHAIN_RPC_URL", help="Address of one node, instead of a registry."
    )(wrapped)
    return click.option(
        "--registry", type=FILE, help="JSON file that names the nodes (nodes_registry.json)."
    )(wrapped)


def load_registry(path: Path) -> Registry:
    """The registry in that file; CommandError says which field of it is wrong."""
    try:
        return parse_registry(read_fleet_file(path))
    except FleetFileInvalid as error:
        raise refused_file(path, error) from None


def read_fleet_file(path: Path) -> bytes:
    try:
        raw, _ = read_regular(path, FLEET_FILE_MAX_BYTES)
    except OSError as error:
        raise CommandError(
            f"cannot read {path}: {error.strerror}",
            "check the path and its permissions",
            ExitCode.CONFIG,
        ) from None
    return raw


def refused_file(path: Path, error: FleetFileInvalid) -> CommandError:
    """The refusal with the file's name, and the field's where one is wrong."""
    where = f"{path}: {error.field}" if error.field else str(path)
    return CommandError(f"{where}: {error.reason}", error.fix, error.exit_code)


def find_fleet(file: Path | None, rpc: str | None) -> Registry:
    """The nodes that are meant: those named, else a local network of this folder, else our own."""
    if file is not None:
        return load_registry(file)
    state = load_state(Path(DEFAULT_DIRECTORY)) if rpc is None else None
    if state is not None and state.is_running:
        return local_registry(state)
    return Registry((FleetNode(LONE_NODE, Role.FULL_WORKER, rpc or DEFAULT_URL),))


def local_registry(state: LocalnetState) -> Registry:
    """A local network as a fleet: node 0 is its headquarters."""
    return Registry(
        tuple(
            FleetNode(
                name=f"node{node.index}",
                role=Role.FULL_WORKER if node.index else Role.HQ,
                rpc_url=node.rpc_url,
                peer_id=parse_peer_id(node.peer_id),
            )
            for node in state.nodes
        )
    )
