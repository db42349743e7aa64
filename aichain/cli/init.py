"""`aichain init`: a node's home with a commented config.toml, its node key and its genesis."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.options import home_option, json_option
from aichain.cli.output import show
from aichain.cli.run_plan import NODE_KEY_FILE
from aichain.config import GENESIS_FILE, KEYS, load_document, read_config_file, resolve_settings
from aichain.errors import ConfigError
from aichain.homes import CONFIG_FILE, data_root, default_home
from aichain.keystore import load_or_create_node_seed
from genesis.ceremony import require_launchable
from genesis.document import GenesisDocument, render_document
from genesis.networks import known_networks
from native.node_keys import peer_id_of_seed, peer_id_text

CONFIG_MODE: Final = 0o600


@click.command(short_help="Make a node's home: config, node key, genesis.")
@click.option("--network", required=True, metavar="NAME|PATH")
@click.option("--moniker", help="The name this node shows.")
@click.option("--bootstrap", multiple=True, metavar="MULTIADDR", help="Nodes to start from.")
@home_option
@json_option
def init(
    network: str, moniker: str | None, bootstrap: tuple[str, ...], home: Path | None, as_json: bool
) -> None:
    """Make a home. A home that exists for the same network is left as it is."""
    document = load_document(network)
    require_launchable(document)
    settings: dict[str, object] = {"moniker": moniker, "p2p.bootstrap": bootstrap or None}
    resolve_settings(settings, {}, {})  # what `run` would refuse does not get into a file
    place = home or _home(network, document)
    config = place / CONFIG_FILE
    packaged = network in known_networks()
    wanted = network if packaged else GENESIS_FILE
    if config.exists():
        _require_same(place, wanted, document)
    else:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not packaged:
            (place / GENESIS_FILE).write_text(render_document(document), encoding="utf-8")
        config.touch(mode=CONFIG_MODE)
        config.write_text(render_config({"network": wanted} | settings), encoding="utf-8")
    seed = load_or_create_node_seed(place / NODE_KEY_FILE)
    show(
        {
            "home": str(place),
            "config": str(config),
            "network": document.name,
            "genesis": "0x" + document.hash.hex(),
            "peerId": peer_id_text(peer_id_of_seed(seed)),
            "next": f"aichain run --home {shlex.quote(str(place))}",
        },
        as_json=as_json,
    )


def _home(network: str, document: GenesisDocument) -> Path:
    if network in known_networks():
        return default_home(network, os.environ)
    return data_root(os.environ) / f"{document.name}-{document.hash.hex()[:8]}"


def _require_same(place: Path, wanted: str, document: GenesisDocument) -> None:
    """An existing home is never turned into one for another chain."""
    found = read_config_file(place / CONFIG_FILE).get("network")
    same = found == wanted
    if same and wanted == GENESIS_FILE:
        same = load_document(str(place / GENESIS_FILE)).hash == document.hash
    if not same:
        raise CommandError(
            f"{place} is a home for another network ({found})",
            "choose another --home",
            CommandExit.USAGE,
        )


def render_config(settings: Mapping[str, object]) -> str:
    """A config.toml with every key explained; those given are set, the others commented out."""
    lines = ["# AI-Chain node. Flags and AICHAIN_… variables (AICHAIN_RPC__LISTEN) win over this."]
    section = ""
    for key, meaning in KEYS.items():
        head, _, name = key.rpartition(".")
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        value = settings.get(key)
        lines += [
            f"# {meaning}",
            f"# {name} =" if value is None else f"{name} = {toml_value(value)}",
        ]
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A value as TOML has it. ConfigError for what cannot stand there."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case list() | tuple():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case _:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            if not text.isprintable():
                raise ConfigError(reason=f"{value!r} holds a control character", fix="remove it")
            return f'"{text}"'
