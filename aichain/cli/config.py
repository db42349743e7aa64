"""`aichain config`: what a node is told to do, where each value comes from, how to change it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from aichain.cli.config_edit import NotEditable, with_setting
from aichain.cli.exit_codes import CommandError
from aichain.cli.options import home_option, json_option
from aichain.cli.output import show, table
from aichain.cli.run_plan import document_of
from aichain.cli.settings_text import plain_value, settings_rows
from aichain.cli.stopped_home import usual_home
from aichain.config import KEYS, Settings, read_config_file, resolve_settings
from aichain.config_keys import SECRET_KEYS
from aichain.errors import ConfigError, ExitCode
from aichain.homes import CONFIG_FILE
from aichain.store.durable import replace_file

KEY: Final = click.argument("key", type=click.Choice(list(KEYS)), metavar="KEY")

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def _flags(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Mapping[str, object]:
    flags: dict[str, object] = {}
    for each in given:
        key, is_set, value = each.partition("=")
        if not is_set or key not in KEYS:
            raise click.BadParameter(f"{each!r}: KEY=VALUE with a known KEY was expected")
        flags[key] = value
    return flags


with_option = click.option(
    "--with",
    "flags",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_flags,
    help="As if `run` were given it as a flag.",
)


@click.group()
def config() -> None:
    """Show, check and change the settings of a node.

    Flags of `run` win over AICHAIN_… variables, these over HOME/config.toml, and that over the
    defaults of the network.
    """


@config.command("show")
@click.option("--origin", is_flag=True, help="Say which layer each value comes from.")
@with_option
@home_option
@json_option
def show_settings(
    origin: bool, flags: Mapping[str, object], home: Path | None, *, as_json: bool
) -> None:
    """Every setting as `run` would take it."""
    rows = settings_rows(_settings(flags, home))
    if as_json:
        told = {
            key: {"value": value, "origin": source} if origin else value
            for key, (value, source) in rows.items()
        }
        show(told, as_json=True)
        return
    shown = [
        {"setting": key, "value": _text(value)} | ({"origin": source} if origin else {})
        for key, (value, source) in rows.items()
    ]
    click.echo("\n".join(table(shown)))


@config.command("get")
@KEY
@with_option
@home_option
@json_option
def get(key: str, flags: Mapping[str, object], home: Path | None, *, as_json: bool) -> None:
    """The value of KEY; an empty line where nothing is set."""
    value = plain_value(_settings(flags, home), key)
    if as_json:
        show(value, as_json=True)
    else:
        click.echo("" if value is None else _text(value))


@config.command("set")
@KEY
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Remove it, so that the default counts.")
@home_option
@json_option
def set_setting(
    key: str, value: str | None, unset: bool, home: Path | None, *, as_json: bool
) -> None:
    """Write VALUE for KEY into HOME/config.toml. A running node reads it at its next start.

    Only that line is changed, and nothing that `run` would refuse is written. Several values of a
    list have commas between them.
    """
    if (value is None) is not unset:
        raise click.UsageError("give a value, or --unset")
    path = _path(home)
    before = read_config_file(path)
    if not path.exists():
        raise CommandError(
            f"there is no {path}", "make a home with `aichain init`", ExitCode.CONFIG
        )
    written = None if value is None else _typed(before, key, value)
    after = {name: item for name, item in before.items() if name != key}
    resolve_settings({}, {}, after if written is None else after | {key: written})
    try:
        text = with_setting(path.read_text(encoding="utf-8"), key, written)
    except NotEditable:
        raise CommandError(
            f"{path} is written in a way that this does not change",
            f"set {key} there with an editor",
            ExitCode.CONFIG,
        ) from None
    place = path.resolve()  # a link stays one, and who could read the file can read it still
    replace_file(place, text.encode(), like=place.stat())
    hides = written is not None and key in SECRET_KEYS
    told = plain_value(_with(before, key, written), key) if hides else written
    show({"file": str(path), "setting": key, "value": told}, as_json=as_json)


@config.command("validate")
@with_option
@home_option
@json_option
def validate(flags: Mapping[str, object], home: Path | None, *, as_json: bool) -> None:
    """Would `run` take these settings? The file, the environment, and the genesis document."""
    path = _path(home)
    settings = _settings(flags, home)
    document = document_of(settings, path.parent)
    show(
        {
            "file": str(path) if path.exists() else None,
            "network": document.name,
            "genesis": "0x" + document.hash.hex(),
            "settings": "valid",
        },
        as_json=as_json,
    )


@config.command("path")
@home_option
@json_option
def path_(home: Path | None, *, as_json: bool) -> None:
    """Where the file of settings is, or would be."""
    path = _path(home)
    if as_json:
        show({"file": str(path), "exists": path.exists()}, as_json=True)
    else:
        click.echo(str(path))


def _path(home: Path | None) -> Path:
    return (home or usual_home(None)) / CONFIG_FILE


def _settings(flags: Mapping[str, object], home: Path | None) -> Settings:
    return resolve_settings(flags, os.environ, read_config_file(_path(home)))


def _typed(before: Mapping[str, object], key: str, text: str) -> object:
    """The value in TOML's own type where the setting has one: true, 12, a list; else the text."""
    forms: list[object] = []
    if text in ("true", "false"):
        forms.append(text == "true")
    if _NUMBER.fullmatch(text):
        forms.append(int(text))
    wanted = plain_value(_with(before, key, text), key)
    if isinstance(wanted, list):
        forms.append(wanted)
    for form in forms:
        try:
            if plain_value(_with(before, key, form), key) == wanted:
                return form
        except ConfigError:
            continue
    return text


def _with(before: Mapping[str, object], key: str, value: object) -> Settings:
    return resolve_settings({}, {}, {**before, key: value})


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(str, value)) or "-"
        case _:
            return str(value)
