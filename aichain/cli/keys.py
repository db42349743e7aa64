"""`aichain wallet` (also `keys`): make, list, show, export and import keys, and use them."""

import re
import sys
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit, explain
from aichain.cli.key_choice import KEY_SUFFIX, KeyFile, key_files, open_key, required_key_file
from aichain.cli.options import KeyFolder, json_option, key_folder_options
from aichain.cli.output import show
from aichain.cli.passphrase import ask_passphrase
from aichain.cli.query import history
from aichain.cli.values import FILE
from aichain.cli.wallet_messages import sign, verify
from aichain.cli.wallet_rewards import rewards
from aichain.keystore import (
    MAX_LABEL_BYTES,
    KeyFileExists,
    change_passphrase,
    key_file_name,
    read_key_file,
    save_key,
    write_secret,
)
from aichain.keystore_v0 import V0_WARNING, key_of_v0, load_v0
from aichain.seed_words import seed_of_words, words_of_seed
from genesis.units import Address, address_of_key, format_address
from native.signatures import Algorithm, SigningKey

LEVELS: Final = {"44": Algorithm.ML_DSA_44, "65": Algorithm.ML_DSA_65, "87": Algorithm.ML_DSA_87}
WORDS_PER_LINE: Final = 6
MAX_WORDS_BYTES: Final = 4096
LABEL: Final = re.compile(r"(?!0[xX])\w[\w.-]*")
"""Nothing that a command line would take for an address, a path or account:0."""
LEVEL_OPTION: Final = click.option(
    "--level", type=click.Choice(tuple(LEVELS)), default="65", show_default=True, help="ML-DSA-…"
)


@click.group()
def keys() -> None:
    """Make, list, show, export and import keys; sign messages; what an account earns and did.

    A key file is encrypted (Argon2id, ChaCha20-Poly1305) and holds the 32-byte seed of an ML-DSA
    key. The same seed as 24 words on paper brings the key back with `keys import`.
    """


@keys.command()
@click.argument("label", required=False)
@LEVEL_OPTION
@click.option("--words/--no-words", "with_words", default=True, help="Show the backup words.")
@key_folder_options
@json_option
def new(label: str | None, level: str, with_words: bool, folder: KeyFolder, as_json: bool) -> None:
    """Make a key and show its address and its 24 backup words.

    With --json the words are left out: they belong on paper, not in a log.
    """
    key = SigningKey.generate(LEVELS[level])
    path = _free_place(label, key, folder.path)
    passphrase = ask_passphrase(folder.password_file, subject=f"the new key {path}", confirm=True)
    save_key(path, key, passphrase=passphrase, label=label or "")
    _announce(key, path, as_json=as_json)
    if with_words and not as_json:
        click.echo("\nWrite these words down. Whoever has them has the key; nobody can renew them.")
        _echo_words(key)


keys.add_command(new, "create")


@keys.command("list")
@key_folder_options
@json_option
def list_keys(folder: KeyFolder, as_json: bool) -> None:
    """List the key files of a folder; no passphrase is needed."""
    files, refusals = key_files(folder.path)
    show([_summary(file) for file in files], as_json=as_json)
    if refusals:
        raise CommandError(
            f"not every key file in {folder.path} can be used ({len(refusals)} cannot), the first:"
            f" {explain(refusals[0]).cause}",
            "move it away, or see `aichain keys show FILE` for how to mend it",
            CommandExit.KEY,
        )


@keys.command("show")
@click.argument("key")
@click.option("--words", "with_words", is_flag=True, help="Also show the 24 backup words.")
@key_folder_options
@json_option
def show_key(key: str, with_words: bool, folder: KeyFolder, as_json: bool) -> None:
    """Open a key (label, address or path) and show its public key; --words shows the secret."""
    file = required_key_file(key, folder.path)
    opened = open_key(file, folder.password_file)
    value: dict[str, object] = {
        **_summary(file),
        "label": opened.label,
        "createdMs": opened.created_ms,
        "publicKey": "0x" + opened.key.public_key.hex(),
    }
    if with_words and as_json:
        value["words"] = " ".join(words_of_seed(opened.key.seed))
    show(value, as_json=as_json)
    if with_words and not as_json:
        _echo_words(opened.key)


@keys.command("export")
@click.argument("key")
@click.option("--out", type=FILE, required=True, help="The file to write.")
@click.option("--new-password-file", type=FILE, help="Its passphrase; without it you are asked.")
@key_folder_options
def export(key: str, out: Path, new_password_file: Path | None, folder: KeyFolder) -> None:
    """Write a key to another file under another passphrase."""
    opened = open_key(required_key_file(key, folder.path), folder.password_file)
    passphrase = ask_passphrase(new_password_file, subject=f"the new file {out}", confirm=True)
    save_key(
        out, opened.key, passphrase=passphrase, label=opened.label, created_ms=opened.created_ms
    )
    click.echo(f"{format_address(opened.address)} written to {out}")


@keys.command()
@click.argument("key")
@click.option("--new-password-file", type=FILE, help="The new one; without it you are asked.")
@key_folder_options
def passwd(key: str, new_password_file: Path | None, folder: KeyFolder) -> None:
    """Change the passphrase of a key file. Copies of it keep the old one."""
    file = required_key_file(key, folder.path)
    opened = open_key(file, folder.password_file)
    passphrase = ask_passphrase(new_password_file, subject=f"{file.name} anew", confirm=True)
    change_passphrase(file.path, opened, passphrase)
    click.echo(f"{file.path} has a new passphrase")


keys.add_command(sign)
keys.add_command(verify)
keys.add_command(rewards)
keys.add_command(history)


@keys.command("import")
@click.argument("label", required=False)
@click.option(
    "--words-file",
    type=FILE,
    help="File with the 24 words; else they are asked for, or read from a pipe.",
)
@click.option("--file", "key_file", type=FILE, help="Take over a key file, passphrase and all.")
@click.option("--v0-file", type=FILE, help="Take over the key of a v0 wallet export.")
@click.option("--v0-password-file", type=FILE, help="Its passphrase; without it you are asked.")
@LEVEL_OPTION
@key_folder_options
@json_option
def import_key(
    label: str | None,
    words_file: Path | None,
    key_file: Path | None,
    v0_file: Path | None,
    v0_password_file: Path | None,
    level: str,
    folder: KeyFolder,
    as_json: bool,
) -> None:
    """Restore a key from its 24 words, or take over a key file, into the folder of keys.

    A v0 file is an export of the earlier Rust wallet. It is only read; its key is taken over if
    the secret part is the seed of the public part, and not if it is the random bytes with which
    that wallet fills both.
    """
    if sum(each is not None for each in (words_file, key_file, v0_file)) > 1:
        raise click.UsageError("give one of --words-file, --file and --v0-file")
    if v0_password_file is not None and v0_file is None:
        raise click.UsageError("--v0-password-file belongs to --v0-file")
    if key_file is not None:
        key, path = _taken_over(key_file, label, folder)
    elif v0_file is not None:
        key, path = _taken_from_v0(v0_file, v0_password_file, label, folder)
    else:
        key = SigningKey.from_seed(seed_of_words(_words(words_file)), LEVELS[level])
        path = _seal_anew(key, label, folder)
    _announce(key, path, as_json=as_json)


def _seal_anew(key: SigningKey, label: str | None, folder: KeyFolder) -> Path:
    path = _free_place(label, key, folder.path)
    subject = f"the restored key {path}"
    passphrase = ask_passphrase(folder.password_file, subject=subject, confirm=True)
    save_key(path, key, passphrase=passphrase, label=label or "")
    return path


def _taken_from_v0(
    source: Path, password_file: Path | None, label: str | None, folder: KeyFolder
) -> tuple[SigningKey, Path]:
    """Read the old file and leave it where it is; the key gets a file of today."""
    wallet = load_v0(source, ask_passphrase(password_file, subject=f"the v0 file {source}"))
    key = key_of_v0(wallet, source)
    path = _seal_anew(key, label or wallet.label or None, folder)
    click.echo(V0_WARNING, err=True)
    return key, path


def _taken_over(source: Path, label: str | None, folder: KeyFolder) -> tuple[SigningKey, Path]:
    """Open a key file to be sure that it works, then keep its bytes as they are."""
    sealed = read_key_file(source)
    opened = open_key(required_key_file(str(source.absolute()), folder.path), folder.password_file)
    path = _free_place(label or opened.label or None, opened.key, folder.path)
    write_secret(path, sealed)
    return opened.key, path


def _words(words_file: Path | None) -> str:
    try:
        if words_file is not None:
            with words_file.open("rb") as file:
                return file.read(MAX_WORDS_BYTES).decode()
        if sys.stdin is None:  # started with it closed
            raise CommandError(
                "the 24 words cannot be asked for", "give --words-file FILE", CommandExit.USAGE
            )
        if sys.stdin.isatty():
            return str(click.prompt("The 24 words", hide_input=True, err=True))
        return sys.stdin.buffer.read(MAX_WORDS_BYTES).decode()
    except OSError as error:
        raise CommandError(
            f"cannot read {words_file or 'the words'}: {error.strerror}",
            "check --words-file",
            CommandExit.USAGE,
        ) from None
    except UnicodeError:
        raise CommandError(
            f"{words_file or 'what was typed'} is not text in UTF-8",
            "write the 24 words with spaces between them",
            CommandExit.USAGE,
        ) from None


def _free_place(label: str | None, key: SigningKey, folder: Path) -> Path:
    """Where the new file goes; refused before a passphrase is asked for."""
    if label is not None and (
        LABEL.fullmatch(label) is None or len(label.encode()) > MAX_LABEL_BYTES
    ):
        raise CommandError(
            f"{label!r} cannot name a key",
            f"choose a label of letters, digits, - . and _, at most {MAX_LABEL_BYTES} bytes long",
            CommandExit.USAGE,
        )
    name = key_file_name(_address(key)) if label is None else label + KEY_SUFFIX
    if (folder / name).exists():
        raise KeyFileExists(path=folder / name)
    return folder / name


def _address(key: SigningKey) -> Address:
    return address_of_key(key.public_key)


def _announce(key: SigningKey, path: Path, *, as_json: bool) -> None:
    show({"address": format_address(_address(key)), "file": str(path)}, as_json=as_json)


def _summary(file: KeyFile) -> dict[str, object]:
    return {
        "name": file.name,
        "address": format_address(file.header.address),
        "algorithm": file.header.algorithm.name.replace("_", "-"),
        "protected": file.header.is_protected,
        "file": str(file.path),
    }


def _echo_words(key: SigningKey) -> None:
    words = words_of_seed(key.seed)
    for start in range(0, len(words), WORDS_PER_LINE):
        line = [
            f"{start + offset + 1:>2} {word:<9}"
            for offset, word in enumerate(words[start : start + WORDS_PER_LINE])
        ]
        click.echo("  " + " ".join(line).rstrip())
