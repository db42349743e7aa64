"""How commands show what they read: one JSON document with --json, aligned text otherwise.

What is shown comes from nodes, and from what peers tell them of themselves: no letter of it may
move the cursor of the terminal it is read on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit, printable
from genesis.units import U128_MAX, format_amount

MAX_CELL = 100
_DIGITS: Final = re.compile(r"[0-9]{1,39}", re.ASCII)


def show(value: object, *, as_json: bool) -> None:
    """Print a result of the RPC or of a command."""
    if as_json:
        click.echo(json.dumps(value, indent=2, default=str))
        return
    for line in _lines(value):
        click.echo(line)


def write_out(path: Path | None, text: str) -> None:
    """Print it, or write it to a file; one that is there might be a key, and is left alone."""
    if path is None:
        click.echo(text)
        return
    if path.is_file():
        raise CommandError(f"{path} exists", "choose another file", CommandExit.USAGE)
    path.write_text(text + "\n", encoding="utf-8")


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Rows with the same keys as aligned columns."""
    if not rows:
        return ["(none)"]
    names = list(rows[0])
    cells = [
        [_text(name) for name in names],
        *([_cell(row.get(name)) for name in names] for row in rows),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def coins(amount: int) -> str:
    """An amount in AI with its unit; amounts inside the program are integers of 10^-18 AI."""
    return f"{format_amount(amount)} AI"


def is_amount(value: object) -> bool:
    """Whether a member of an answer can be read as an amount."""
    is_decimal = isinstance(value, str) and _DIGITS.fullmatch(value) is not None
    return is_decimal and int(str(value)) <= U128_MAX


def _lines(value: object, indent: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return _mapping_lines(value, indent)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return [indent + line for line in table(value)]
    if isinstance(value, list):
        return [f"{indent}{_cell(item)}" for item in value] or [f"{indent}(none)"]
    return [f"{indent}{_cell(value)}"]


def _mapping_lines(value: Mapping[str, Any], indent: str) -> list[str]:
    width = max((len(name) for name, item in value.items() if not _nested(item)), default=0)
    lines: list[str] = []
    for name, item in value.items():
        shown = _text(name)
        if _nested(item):
            lines += [f"{indent}{shown}:", *_lines(item, indent + "  ")]
        else:
            lines.append(f"{indent}{shown.ljust(width)}  {_cell(item)}")
    return lines


def _nested(value: object) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list) and not value:
        return "(none)"
    text = json.dumps(value) if isinstance(value, Mapping | list) else _text(str(value))
    return text if len(text) <= MAX_CELL else f"{text[:40]}…({len(text)} characters)"


def _text(text: str) -> str:
    """Printable, but for the bytes of a file's name that are no letters: the output spells them."""
    return "".join(
        letter if "\ud800" <= letter <= "\udfff" else printable(letter) for letter in text
    )
