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
    try:
        text = str(
            click.prompt(
                f"Passphrase for {subject}", hide_input=True, confirmation_prompt=confirm, err=True
            )
        )
        return _usable(text, "what was typed")
    except UnicodeError:
        raise _no_text("what was typed") from None


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_PASSPHRASE_BYTES + 2)
        return _usable(line.rstrip(b"\r\n").decode(), f"the first line of {path}")
    except OSError as error:
        raise CommandError(
            f"cannot read the passphrase from {path}: {error.strerror}",
            "check --password-file or AICHAIN_PASSWORD_FILE",
            CommandExit.KEY,
        ) from None
    except UnicodeError:
        raise _no_text(f"the first line of {path}") from None


def _usable(text: str, source: str) -> str:
    size = len(text.encode())
    if not 0 < size <= MAX_PASSPHRASE_BYTES:
        given = "is empty" if not size else f"has more than {MAX_PASSPHRASE_BYTES} bytes"
        raise CommandError(
            f"{source} {given}, and a passphrase cannot be so",
            f"choose one of 1 to {MAX_PASSPHRASE_BYTES} bytes",
            CommandExit.KEY,
        )
    return text


def _no_text(source: str) -> CommandError:
    return CommandError(
        f"{source} is not UTF-8, and a passphrase is text", "write it as text", CommandExit.KEY
    )
