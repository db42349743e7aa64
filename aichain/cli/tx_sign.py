"""`aichain tx sign`, where the key is and no network; and sending what it signed."""

import sys
from pathlib import Path

import click

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit, values_of
from aichain.cli.inputs import PIPE, read_given_text
from aichain.cli.key_choice import signing_key
from aichain.cli.options import KeyFolder, key_folder_options
from aichain.cli.output import write_out
from aichain.cli.refusals import refused_here
from aichain.cli.sending import Delivery, deliver
from aichain.cli.values import FILE
from aichain.client.offline import FILE_MAX_CHARS, SignedFile, UnsignedFile, describe
from genesis.networks import NETWORK_IDS
from genesis.units import format_address, format_amount
from native.errors import DecodeError, InvalidData
from vm.transactions import Transaction, sign_transaction

AMOUNTS = ("feeMax", "tip", "amount", "stake")
NETWORKS = {number: name for name, number in NETWORK_IDS.items()}


@click.command()
@click.argument("unsigned", required=False, metavar="[FILE]", type=FILE)
@click.option("--from", "sender", metavar="KEY", help="Without it, the key of the sender.")
@click.option("--yes", is_flag=True, help="Do not ask whether to sign what is shown.")
@click.option("--out", type=FILE, help="The file to write; without it, the output.")
@key_folder_options
def sign(
    unsigned: Path | None, sender: str | None, yes: bool, out: Path | None, folder: KeyFolder
) -> None:
    """Sign a transaction that `tx build` made; no network is needed.

    FILE is what it wrote; without it, or as -, it is read from a pipe. What the transaction does
    is read from the very bytes that are signed, and shown first.
    """
    text = read_given_text(unsigned, FILE_MAX_CHARS, "the transaction")
    try:
        given = UnsignedFile.from_json(text)
    except InvalidData as error:
        raise _no_file(error, "build") from None
    made = given.transaction
    for line in _reading(made):
        click.echo(line, err=True)
    asked = unsigned not in (None, PIPE) and sys.stdin is not None and sys.stdin.isatty()
    if asked and not yes:
        click.confirm("Sign this?", abort=True, err=True)
    who = sender or format_address(made.sender)
    key = signing_key(who, network=NETWORKS.get(made.network_id), folder=folder)
    try:
        signed = sign_transaction(made, key, reveal=given.reveal)
    except InvalidData as error:
        raise refused_here(error) from None
    text = SignedFile(signed).to_json()
    write_out(out, text)
    if out is not None:
        click.echo(f"{out} may be sent by anybody: `aichain tx send {out}`", err=True)


def send_file(path: Path, delivery: Delivery) -> None:
    """Submit what `tx sign` wrote."""
    text = read_given_text(path, FILE_MAX_CHARS, "the transaction")
    try:
        given = SignedFile.from_json(text)
    except InvalidData as error:
        raise _no_file(error, "sign") from None
    with RpcClient(delivery.rpc) as client:
        deliver(client, given.signed, delivery)


def _reading(made: Transaction) -> list[str]:
    """One line a field, amounts in coins."""
    told = describe(made)
    width = max(map(len, told))
    shown = {
        name: f"{format_amount(int(str(value)))} AI" if name in AMOUNTS else value
        for name, value in told.items()
    }
    return [f"{name.ljust(width)}  {value}" for name, value in shown.items()]


def _no_file(error: InvalidData, step: str) -> CommandError:
    if not isinstance(error, DecodeError):
        return refused_here(error)
    reason = values_of(error)["reason"]
    return CommandError(
        f"this is not a file that `aichain tx {step}` wrote: {reason}",
        "give that file as it is",
        CommandExit.USAGE,
    )
