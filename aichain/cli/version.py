"""`aichain version`: what this is, in one line or as JSON."""

import platform
from importlib import metadata

import click

from aichain import __version__
from aichain.cli.options import json_option
from aichain.cli.output import show
from native.backends import view_engines

LIBRARIES = ("trio", "libp2p", "plyvel", "cryptography", "blake3", "msgspec")


@click.command(short_help="Version, engines and networks.")
@json_option
def version(as_json: bool) -> None:
    """Version of the node, of Python and of the libraries that matter, and the signature engine."""
    show(
        {
            "version": __version__,
            "python": platform.python_version(),
            "platform": f"{platform.system().lower()}-{platform.machine()}",
            "engine": str(view_engines()),
            "libraries": {name: _version_of(name) for name in LIBRARIES},
        },
        as_json=as_json,
    )


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
