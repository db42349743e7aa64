"""One line of a config.toml changed, and nothing else of it: comments stay where they are."""

import re
import tomllib
from typing import Final

from aichain.cli.init import toml_value

_SECTION: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")


class NotEditable(Exception):
    """The file is written in a way that one line cannot change; it has to be edited by hand."""


def with_setting(text: str, key: str, value: object) -> str:
    """The text with `key` set, or without it where the value is None. NotEditable."""
    section, _, name = key.rpartition(".")
    lines = text.splitlines()
    begin, end = _section(lines, section)
    line = None if value is None else f"{name} = {toml_value(value)}"
    at = _place(lines, begin, end, name)
    if at is not None:
        lines[at] = f"# {name} =" if line is None else line
    elif line is not None:
        if section and begin == len(lines):
            lines += ["", f"[{section}]"]
            end = len(lines)
        lines.insert(end, line)
    edited = "\n".join(lines) + "\n"
    _require_only(text, edited, key, value)
    return edited


def _section(lines: list[str], section: str) -> tuple[int, int]:
    """Where the lines of a section begin and end; at the end of the file where there is none."""
    heads = [(at, found[1].strip()) for at, line in enumerate(lines) if (found := _head(line))]
    if not section:
        return 0, heads[0][0] if heads else len(lines)
    for number, (at, name) in enumerate(heads):
        if name == section:
            end = heads[number + 1][0] if number + 1 < len(heads) else len(lines)
            while end > at + 1 and not lines[end - 1].strip():
                end -= 1
            return at + 1, end
    return len(lines), len(lines)


def _head(line: str) -> re.Match[str] | None:
    return _SECTION.match(line)


def _place(lines: list[str], begin: int, end: int, name: str) -> int | None:
    """The line that sets it, else the one that `init` wrote for it."""
    for form in (rf"\s*{name}\s*=", rf"#\s*{name}\s*=\s*$"):
        for at in range(begin, end):
            if re.match(form, lines[at]):
                return at
    return None


def _require_only(before: str, after: str, key: str, value: object) -> None:
    """The file says what it said, but for this key."""
    wanted = _values(before)
    wanted.pop(key, None)
    if value is not None:
        wanted[key] = value
    try:
        found = _values(after)
    except tomllib.TOMLDecodeError:
        raise NotEditable from None
    if found != wanted:
        raise NotEditable


def _values(text: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in tomllib.loads(text).items():
        if isinstance(value, dict):
            values.update({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            values[name] = value
    return values
