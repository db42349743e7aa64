"""The home of a node that is not running: where it is, and of which chain."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.run_plan import document_of
from aichain.config import read_config_file, resolve_settings
from aichain.homes import CONFIG_FILE, data_directory, default_home, homes_of
from genesis.document import GenesisDocument

network_option = click.option(
    "--network", metavar="NAME|PATH", help="The genesis document; else that of the home."
)


@dataclass(frozen=True, slots=True)
class StoppedHome:
    """Whether a node runs on it shows when its lock is taken."""

    path: Path
    document: GenesisDocument

    @property
    def root(self) -> Path:
        return data_directory(self.path)


def stopped_home(home: Path | None, network: str | None) -> StoppedHome:
    """The home that is meant; without `--home` the only one, or that of the network."""
    place = home or usual_home(network)
    file = read_config_file(place / CONFIG_FILE)
    return StoppedHome(
        place, document_of(resolve_settings({"network": network}, os.environ, file), place)
    )


def usual_home(network: str | None) -> Path:
    """The home that a command means that was not given one; CommandError where there are more."""
    if network is not None:
        return default_home(network, os.environ)
    found = homes_of(os.environ)
    if len(found) != 1:
        named = ", ".join(map(str, found)) or "none"
        raise CommandError(
            f"which home is meant? under the usual place there are: {named}",
            "name it with --home",
            CommandExit.USAGE,
        )
    return found[0]
