"""`aichain wallet sign` and `verify`: messages, which can never be transactions or votes."""

from pathlib import Path

import click

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.inputs import PIPE, read_given, read_given_text
from aichain.cli.key_choice import open_key, required_key_file
from aichain.cli.options import KeyFolder, json_option, key_folder_options
from aichain.cli.output import show, write_out
from aichain.cli.values import ADDRESS, FILE
from aichain.client.messages import (
    MESSAGE_MAX_BYTES,
    SIGNED_MESSAGE_MAX_CHARS,
    SignedMessage,
    sign_message,
    verify_message,
)
from genesis.units import Address, format_address
from native.errors import InvalidData, InvalidSignature
from native.signatures import algorithm_of

message_option = click.option("--message", metavar="TEXT", help="The message itself.")
file_option = click.option(
    "--file", "message_file", type=FILE, help="The file that is the message."
)


@click.command()
@click.argument("key")
@message_option
@file_option
@click.option("--out", type=FILE, help="The file to write; without it, the output.")
@key_folder_options
def sign(
    key: str, message: str | None, message_file: Path | None, out: Path | None, folder: KeyFolder
) -> None:
    """Sign a message: --message, --file, or what is piped in.

    ML-DSA signs the BLAKE3 hash of the message (derive-key mode) under the context
    aichain/msg/v1, which no transaction and no vote has. What is printed is JSON: address, public
    key and signature, for `wallet verify`.
    """
    content = _message(message, message_file)
    opened = open_key(required_key_file(key, folder.path), folder.password_file)
    text = sign_message(opened.key, content).to_json()
    write_out(out, text)


@click.command()
@click.argument("signed", metavar="SIGNED", type=FILE)
@message_option
@file_option
@click.option("--address", type=ADDRESS, help="Who should have signed; else anybody may have.")
@json_option
def verify(
    signed: Path,
    message: str | None,
    message_file: Path | None,
    address: Address | None,
    as_json: bool,
) -> None:
    """Whose message this is: SIGNED is what `wallet sign` printed."""
    if signed == PIPE and message is None and message_file is None:
        raise click.UsageError("the signature is piped in: give --message or --file")
    text = read_given_text(signed, SIGNED_MESSAGE_MAX_CHARS, "the signed message")
    try:
        given = SignedMessage.from_json(text)
    except InvalidData as error:
        raise CommandError(
            f"this is not what `aichain wallet sign` printed: {getattr(error, 'reason', error)}",
            "give it as it is",
            CommandExit.USAGE,
        ) from None
    try:
        signer = verify_message(given, _message(message, message_file))
    except InvalidSignature as error:
        raise _nobody(error.subject) from None
    if address is not None and signer != address:
        raise _nobody(f"{format_address(signer)} signed it, and nobody else")
    algorithm = algorithm_of(given.public_key).name.replace("_", "-")
    show(
        {"valid": True, "address": format_address(signer), "algorithm": algorithm},
        as_json=as_json,
    )


def _message(message: str | None, message_file: Path | None) -> bytes:
    if message is not None and message_file is not None:
        raise click.UsageError("give one of --message and --file")
    if message is None:
        return read_given(message_file, MESSAGE_MAX_BYTES, "the message")
    try:
        return message.encode()
    except UnicodeEncodeError:
        raise click.UsageError("the message is not text in UTF-8: give it with --file") from None


def _nobody(why: str) -> CommandError:
    return CommandError(
        f"the signature does not hold: {why}",
        "do not believe it; ask who sent it for the very message and signature",
        CommandExit.FAILED,
    )
