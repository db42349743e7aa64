"""Reads a JSON document field by field, so that a refusal names the field that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, TypeVar

from aichain.errors import ExitCode
from aichain.shallow_json import load_shallow
from genesis.limits import FLEET_FILE_MAX_BYTES, FLEET_LIST_MAX, FLEET_TEXT_MAX_CHARS
from native.errors import InvalidData

E = TypeVar("E", bound=StrEnum)
ABSENT: Final = object()


@dataclass(eq=False)
class FleetFileInvalid(InvalidData):
    """A registry or rules file that cannot be used."""

    exit_code: ClassVar[int] = ExitCode.CONFIG
    field: str
    reason: str
    fix: str = "correct that field of the file; aichain/fleet/README.md shows all of them"


@dataclass(frozen=True, slots=True)
class Table:
    """An object of the document, and the way to it."""

    path: str
    members: Mapping[str, object]

    def refuse(self, name: str, reason: str) -> FleetFileInvalid:
        return FleetFileInvalid(field=self.way(name), reason=reason)

    def way(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty; one that is missing is an error unless there is a default."""
        value = self._member(name, default)
        if not isinstance(value, str) or not 0 < len(value) <= FLEET_TEXT_MAX_CHARS:
            if value is default and default is not None:
                return default
            raise self.refuse(name, f"not a text of 1 to {FLEET_TEXT_MAX_CHARS} characters")
        if not value.isprintable():
            raise self.refuse(name, "it has letters that cannot be printed")
        return value

    def count(self, name: str, default: int | None, most: int, least: int = 0) -> int:
        value = self._member(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, f"not a whole number from {least} to {most}")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self._member(name, default)
        if not isinstance(value, bool):
            raise self.refuse(name, "neither true nor false")
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        text = self.text(name)
        try:
            return kind(text)
        except ValueError:
            known = ", ".join(kind)
            raise self.refuse(name, f"{text!r} is none of {known}") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one that is missing is empty."""
        items = self._items(name, FLEET_LIST_MAX, ())
        return tuple(
            Table(self.path, {f"{name}[{index}]": item}).text(f"{name}[{index}]")
            for index, item in enumerate(items)
        )

    def tables(self, name: str, most: int, *, required: bool = True) -> tuple["Table", ...]:
        items = self._items(name, most, None if required else ())
        return tuple(self._table(f"{name}[{index}]", item) for index, item in enumerate(items))

    def table(self, name: str) -> "Table":
        """An object; one that is missing is empty."""
        return self._table(name, self._member(name, {}))

    def has(self, name: str) -> bool:
        """Whether there is such a member, and it is not null."""
        return self.members.get(name) is not None

    def _member(self, name: str, default: object) -> object:
        """null stands for what is missing: legacy files have it so."""
        value = self.members.get(name)
        if value is None:
            if default is None:
                raise self.refuse(name, "it is missing")
            return default
        return value

    def _items(self, name: str, most: int, default: object) -> list[object] | tuple[object, ...]:
        value = self._member(name, default)
        if not isinstance(value, list | tuple):
            raise self.refuse(name, "not a list")
        if len(value) > most:
            raise self.refuse(name, f"{len(value)} entries, and {most} are the most")
        return value

    def _table(self, name: str, value: object) -> "Table":
        if not isinstance(value, dict):
            raise self.refuse(name, "not an object")
        return Table(self.way(name), value)


def parse_json(raw: bytes) -> Table:
    """The object that a file holds."""
    if len(raw) > FLEET_FILE_MAX_BYTES:
        raise FleetFileInvalid(field="", reason=f"larger than {FLEET_FILE_MAX_BYTES >> 20} MiB")
    try:
        value = load_shallow(raw, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise FleetFileInvalid(field="", reason=f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FleetFileInvalid(field="", reason="it is not a JSON object")
    return Table("", value)


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two members of one name JSON readers take either: nobody would know which one counts."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has two members {double!r}")
    return members
