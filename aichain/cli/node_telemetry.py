"""`aichain node telemetry`: what this machine says of itself, as its heartbeats do."""

import os
from dataclasses import asdict
from pathlib import Path

import click

from aichain.cli.options import home_option, json_option
from aichain.cli.output import show
from aichain.fleet.telemetry import strains
from aichain.homes import data_root
from aichain.readings import MachineReader


@click.command()
@home_option
@json_option
def telemetry(home: Path | None, as_json: bool) -> None:
    """Show load, memory, the disk of the home, and GPUs (NVML, nvidia-smi or rocm-smi)."""
    place = home or data_root(os.environ)
    while not place.exists() and place != place.parent:
        place = place.parent
    reading = MachineReader().read(place)
    document = asdict(reading) | {"strains": list(strains(reading))}
    document["gpus"] = list(document["gpus"])
    show(document, as_json=as_json)
