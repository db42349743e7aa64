"""`aichain genesis`: the launch ceremony, from an empty draft to the document of a network."""

import secrets
import time
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import address_named, signing_key
from aichain.cli.options import KeyFolder, json_option, key_folder_options
from aichain.cli.output import show
from aichain.config import load_document
from aichain.keystore import onion_seed_of
from genesis.ceremony import (
    add_account,
    add_validator,
    check_document,
    document_notices,
    new_document,
    new_validator,
)
from genesis.document import (
    GenesisDocument,
    parse_validator,
    render_document,
    render_validator,
)
from genesis.onion import DEFAULT_ONION_LENGTH
from genesis.units import format_address, format_amount, parse_amount, parse_hex
from native.hashing import HASH_BYTES, hash32
from native.node_keys import parse_peer_id

MAX_ENTRY_BYTES: Final = 64 * 1024
PATH: Final = click.Path(path_type=Path, dir_okay=False)


@click.group()
def genesis() -> None:
    """Make and check genesis documents.

    \b
    A launch: one person runs `new`; each founder runs `entry` with its own key and sends the
    file; the coordinator runs `add-validator` and `add-account`; everyone runs `check` and
    compares `hash`; then everyone starts `aichain run --network FILE`.
    """


@genesis.command()
@click.option("--name", required=True, help="a-z, 0-9 and -")
@click.option("--network-id", type=click.IntRange(1, 2**32 - 1), required=True)
@click.option("--time-ms", type=click.IntRange(min=1), help="Genesis time; without it, now.")
@click.option("--seed", help="0x and 64 digits nobody could choose alone; without it, random.")
@click.option("--out", type=PATH, required=True)
@json_option
def new(
    name: str, network_id: int, time_ms: int | None, seed: str | None, out: Path, as_json: bool
) -> None:
    """Write an empty draft with the default parameters; edit them before founders sign."""
    raw = parse_hex(seed, HASH_BYTES) if seed else secrets.token_bytes(HASH_BYTES)
    start_ms = time_ms or time.time_ns() // 1_000_000
    document = new_document(name, network_id, start_ms, hash32(raw))
    if out.exists():
        raise CommandError(f"{out} exists", "choose another --out", CommandExit.USAGE)
    out.write_text(render_document(document), encoding="utf-8")
    show(_summary(document), as_json=as_json)


@genesis.command()
@click.argument("document", metavar="DOCUMENT")
@click.option("--from", "key", required=True, help="Your key: a label or a file.")
@click.option("--name", required=True, help="Name of your validator.")
@click.option("--stake", required=True, help="AI of your stake.")
@click.option("--peer-id", required=True, help="Peer id of your node (`aichain init` prints it).")
@click.option("--commission-bps", type=click.IntRange(0, 10_000), default=0, show_default=True)
@click.option("--out", type=PATH, required=True)
@key_folder_options
def entry(
    document: str,
    key: str,
    name: str,
    stake: str,
    peer_id: str,
    commission_bps: int,
    out: Path,
    folder: KeyFolder,
) -> None:
    """Make your signed founder's entry for a draft, to send to its coordinator."""
    draft = load_document(document)
    signer = signing_key(key, network=None, folder=folder)
    made = new_validator(
        signer,
        network_id=draft.network_id,
        name=name,
        stake=parse_amount(stake),
        peer_id=parse_peer_id(peer_id),
        onion_seed=onion_seed_of(signer),
        onion_length=DEFAULT_ONION_LENGTH,
        commission_bps=commission_bps,
    )
    out.write_text(render_validator(made), encoding="utf-8")
    click.echo(f"{format_address(made.address)} stakes {stake} AI: {out}")


@genesis.command("add-validator")
@click.argument("document", type=PATH)
@click.argument("entries", type=PATH, nargs=-1, required=True)
@json_option
def add_validators(document: Path, entries: tuple[Path, ...], as_json: bool) -> None:
    """Add founders' entries to a draft; each proof of possession is checked."""
    draft = load_document(str(document))
    for path in entries:
        draft = add_validator(draft, parse_validator(_read(path)))
    _replace(document, draft)
    show(_summary(draft), as_json=as_json)


@genesis.command("add-account")
@click.argument("document", type=PATH)
@click.argument("who", metavar="ADDRESS|KEY")
@click.argument("amount")
@click.option("--label", default="", help="A word about it, part of the document.")
@key_folder_options
@json_option
def add_funds(
    document: Path, who: str, amount: str, label: str, folder: KeyFolder, as_json: bool
) -> None:
    """Give an account AMOUNT coins at genesis."""
    draft = load_document(str(document))
    address = address_named(who, network=None, folder=folder.path)
    draft = add_account(draft, address, parse_amount(amount), label)
    _replace(document, draft)
    show(_summary(draft), as_json=as_json)


@genesis.command()
@click.argument("document", metavar="DOCUMENT|NAME")
@json_option
def check(document: str, as_json: bool) -> None:
    """Say everything that forbids a launch, and what should be known before it."""
    given = load_document(document)
    problems, notices = check_document(given), document_notices(given)
    value = _summary(given) | {"problems": list(problems), "notices": list(notices)}
    show(value, as_json=as_json)
    if problems:
        raise CommandError(
            f"{document} cannot be launched: {problems[0]}"
            + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
            "correct the draft and check again",
            CommandExit.GENESIS,
        )


@genesis.command("hash")
@click.argument("document", metavar="DOCUMENT|NAME")
def hash_document(document: str) -> None:
    """Print the hash that all nodes of this network must agree on."""
    click.echo("0x" + load_document(document).hash.hex())


def _summary(document: GenesisDocument) -> dict[str, object]:
    return {
        "name": document.name,
        "networkId": document.network_id,
        "hash": "0x" + document.hash.hex(),
        "genesisTimeMs": document.genesis_time_ms,
        "supply": f"{format_amount(document.supply)} AI",
        "publicKeys": document.public_keys,
        "accounts": len(document.accounts),
        "validators": [
            {
                "name": each.name,
                "address": format_address(each.address),
                "stake": f"{format_amount(each.stake)} AI",
            }
            for each in document.validators
        ],
    }


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_ENTRY_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}", "check the path") from None


def _replace(path: Path, document: GenesisDocument) -> None:
    """Write the new draft beside the old one, then put it in its place."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(render_document(document), encoding="utf-8")
    draft.replace(path)
