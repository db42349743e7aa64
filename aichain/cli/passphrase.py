"""Where a passphrase comes from: a file, or a person at a terminal; never the command line."""

import sys
from pathlib import Path
from typing import Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit

MAX_PASSPHRASE_BYTES: Final = 1024


def ask_passphrase(password_file: Path | None, *, subject: str, confirm: bool = False) -> str:
    """The passphrase of `subject`; `confirm` asks a person twice and refuses an empty one."""
    if password_file is not None:
        return _first_line(password_file)
    if sys.stdin is None or not sys.stdin.isatty():  # None: started with it closed
        raise CommandError(
            f"{subject} needs a passphrase and nobody can be asked",
            "give --password-file FILE or set AICHAIN_PASSWORD_FILE",
            CommandExit.KEY,
        )
    text = str(
        click.prompt(
            f"Passphrase for {subject}", hide_input=True, confirmation_prompt=confirm, err=True
        )
    )
    return _usable(text)


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_PASSPHRASE_BYTES + 2)
        return _usable(line.rstrip(b"\r\n").decode())
    except OSError as error:
        raise CommandError(
            f"cannot read the passphrase from {path}: {error.strerror}",
            "check --password-file or AICHAIN_PASSWORD_FILE",
            CommandExit.KEY,
        ) from None
    except UnicodeDecodeError:
        raise CommandError(
            f"the passphrase in {path} is not UTF-8", "write it as plain text", CommandExit.KEY
        ) from None


def _usable(text: str) -> str:
    if not text or len(text.encode()) > MAX_PASSPHRASE_BYTES:
        raise CommandError(
            f"a passphrase has 1 to {MAX_PASSPHRASE_BYTES} bytes",
            "choose another one",
            CommandExit.KEY,
        )
    return text
