"""What a command is given to read: a file, or what is piped into it; never more than it can use."""

import sys
from pathlib import Path
from typing import Final

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.regular_file import read_regular

PIPE: Final = Path("-")


def read_given(path: Path | None, most_bytes: int, subject: str) -> bytes:
    """The bytes of a file; without a name, and for `-`, of the standard input."""
    try:
        if path is not None and path != PIPE:
            raw, _ = read_regular(path, most_bytes)
        elif sys.stdin is None or sys.stdin.isatty():  # None: started with it closed
            raise CommandError(
                f"{subject} is read from a pipe or a file, and there is none",
                "give the file's name, or pipe it in: … | aichain …",
                CommandExit.USAGE,
            )
        else:
            raw = sys.stdin.buffer.read(most_bytes + 1)
    except OSError as error:
        raise CommandError(
            f"cannot read {subject} from {path or PIPE}: {error.strerror}",
            "check the path and its permissions",
            CommandExit.USAGE,
        ) from None
    if len(raw) > most_bytes:
        raise CommandError(
            f"{subject} is larger than {most_bytes} bytes",
            "give a smaller one",
            CommandExit.USAGE,
        )
    return raw


def read_given_text(path: Path | None, most_bytes: int, subject: str) -> str:
    """The same as text."""
    try:
        return read_given(path, most_bytes, subject).decode()
    except UnicodeError:
        raise CommandError(
            f"{subject} is not text in UTF-8", "give the file as it was made", CommandExit.USAGE
        ) from None
