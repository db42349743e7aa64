"""`aichain genesis`: the launch ceremony, from an empty draft to the document of a network."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.key_choice import address_named, signing_key
from aichain.cli.options import KeyFolder, json_option, key_folder_options
from aichain.cli.output import show
from aichain.cli.values import EXISTING_FILE, FILE, NAME, PEER_ID, POSITIVE_AMOUNT, RAW_HASH
from aichain.config import load_document
from aichain.keystore import onion_seed_of
from aichain.regular_file import read_regular
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
from genesis.errors import InvalidGenesis
from genesis.limits import NETWORK_ID_MAX
from genesis.onion import DEFAULT_ONION_LENGTH
from genesis.units import U64_MAX, format_address, format_amount
from native.hashing import HASH_BYTES, Hash32, hash32

MAX_ENTRY_BYTES: Final = 64 * 1024
ANOTHER_ENTRY: Final = "leave it out, or ask its founder for another (`aichain genesis entry`)"


@click.group()
def genesis() -> None:
    """Make and check genesis documents.

    \b
    A launch: one person runs `new`; each founder runs `entry` with its own key and sends the
    file; the coordinator runs `add-validator` and `add-account`; everyone runs `check` and
    compares `hash`; then everyone starts `aichain run --network FILE`.
    """


@genesis.command()
@click.option("--name", type=NAME, required=True, help="a-z, 0-9 and -")
@click.option("--network-id", type=click.IntRange(1, NETWORK_ID_MAX), required=True)
@click.option(
    "--time-ms", type=click.IntRange(1, U64_MAX >> 1), help="Genesis time; without it, now."
)
@click.option(
    "--seed",
    type=RAW_HASH,
    metavar="HASH",
    help="0x and 64 digits nobody could choose alone; without it, random.",
)
@click.option("--out", type=FILE, required=True)
@json_option
def new(
    name: str, network_id: int, time_ms: int | None, seed: Hash32 | None, out: Path, as_json: bool
) -> None:
    """Write an empty draft with the default parameters; edit them before founders sign."""
    _require_free(out)
    start_ms = time_ms or time.time_ns() // 1_000_000
    chosen = seed or hash32(secrets.token_bytes(HASH_BYTES))
    document = new_document(name, network_id, start_ms, chosen)
    out.write_text(render_document(document), encoding="utf-8")
    show(_summary(document), as_json=as_json)


@genesis.command()
@click.argument("document", metavar="DOCUMENT")
@click.option("--from", "key", required=True, help="Your key: a label or a file.")
@click.option("--name", type=NAME, required=True, help="Name of your validator.")
@click.option(
    "--stake", type=POSITIVE_AMOUNT, required=True, metavar="AI", help="AI of your stake."
)
@click.option(
    "--peer-id",
    type=PEER_ID,
    required=True,
    metavar="ID",
    help="Peer id of your node (`aichain init` prints it).",
)
@click.option("--commission-bps", type=click.IntRange(0, 10_000), default=0, show_default=True)
@click.option("--out", type=FILE, required=True)
@key_folder_options
def entry(
    document: str,
    key: str,
    name: str,
    stake: int,
    peer_id: bytes,
    commission_bps: int,
    out: Path,
    folder: KeyFolder,
) -> None:
    """Make your signed founder's entry for a draft, to send to its coordinator."""
    _require_free(out)
    draft = load_document(document)
    signer = signing_key(key, network=None, folder=folder)
    with _refused_as("no entry can be made", "correct that", CommandExit.USAGE):
        made = new_validator(
            signer,
            network_id=draft.network_id,
            name=name,
            stake=stake,
            peer_id=peer_id,
            onion_seed=onion_seed_of(signer),
            onion_length=DEFAULT_ONION_LENGTH,
            commission_bps=commission_bps,
        )
    out.write_text(render_validator(made), encoding="utf-8")
    click.echo(f"{format_address(made.address)} stakes {format_amount(stake)} AI: {out}")


@genesis.command("add-validator")
@click.argument("document", type=EXISTING_FILE)
@click.argument("entries", type=EXISTING_FILE, nargs=-1, required=True)
@json_option
def add_validators(document: Path, entries: tuple[Path, ...], as_json: bool) -> None:
    """Add founders' entries to a draft; each proof of possession is checked."""
    draft = _load_draft(document)
    for path in entries:
        text = _read(path)
        with _refused_as(f"{path} cannot be added", ANOTHER_ENTRY, CommandExit.GENESIS):
            draft = add_validator(draft, parse_validator(text))
    _replace(document, draft)
    show(_summary(draft), as_json=as_json)


@genesis.command("add-account")
@click.argument("document", type=EXISTING_FILE)
@click.argument("who", metavar="ADDRESS|KEY")
@click.argument("amount", type=POSITIVE_AMOUNT)
@click.option("--label", default="", help="A word about it, part of the document.")
@key_folder_options
@json_option
def add_funds(
    document: Path, who: str, amount: int, label: str, folder: KeyFolder, as_json: bool
) -> None:
    """Give an account AMOUNT coins at genesis."""
    draft = _load_draft(document)
    address = address_named(who, network=None, folder=folder.path)
    refusal = f"{format_address(address)} cannot be added"
    with _refused_as(refusal, "correct the address or the label", CommandExit.USAGE):
        draft = add_account(draft, address, amount, label)
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
@json_option
def hash_document(document: str, as_json: bool) -> None:
    """Print the hash that all nodes of this network must agree on."""
    given = load_document(document)
    text = "0x" + given.hash.hex()
    if as_json:
        show({"name": given.name, "hash": text}, as_json=True)
    else:
        click.echo(text)


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


@contextmanager
def _refused_as(what: str, fix: str, code: int) -> Iterator[None]:
    """A refusal of the document's, told as one of the argument that caused it."""
    try:
        yield
    except InvalidGenesis as error:
        raise CommandError(f"{what}: {error.reason}", fix, code) from None


def _load_draft(path: Path) -> GenesisDocument:
    """A file, never a packaged network: it is written again."""
    return load_document(str(path.absolute()))


def _require_free(out: Path) -> None:
    if out.exists():
        raise CommandError(f"{out} exists", "choose another --out", CommandExit.USAGE)


def _read(path: Path) -> str:
    try:
        raw, _ = read_regular(path, MAX_ENTRY_BYTES)
        text = raw.decode()
    except OSError as error:
        raise _no_entry(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _no_entry(path, "is not text in UTF-8") from None
    if len(raw) > MAX_ENTRY_BYTES:
        raise _no_entry(path, f"is larger than {MAX_ENTRY_BYTES >> 10} KiB")
    return text


def _no_entry(path: Path, why: str) -> CommandError:
    return CommandError(f"{path} {why}", ANOTHER_ENTRY, CommandExit.GENESIS)


def _replace(path: Path, document: GenesisDocument) -> None:
    """Write the new draft beside the old one, then put it in its place."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(render_document(document), encoding="utf-8")
    draft.replace(path)
