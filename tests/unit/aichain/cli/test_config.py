"""Settings shown with their layers; one changed in the file, which keeps all else it says."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.cli.config_edit import NotEditable, with_setting
from aichain.cli.exit_codes import CommandExit
from aichain.cli.settings_text import settings_rows
from aichain.config import KEYS, Settings, resolve_settings
from aichain.errors import ExitCode


@pytest.fixture
def home(tmp_path: Path) -> Path:
    done = CliRunner().invoke(main, ["init", "--network", "testnet", "--home", str(tmp_path)])
    assert done.exit_code == 0
    return tmp_path


def run(home: Path, *arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["config", *arguments, "--home", str(home)])


def read(home: Path, *arguments: str, **environment: str) -> Any:
    done = run(home, *arguments, "--json", **environment)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_setting_is_shown_with_the_layer_that_it_comes_from(home: Path) -> None:
    read(home, "set", "log.level", "error")
    read(home, "set", "log.format", "json")
    found = read(
        home,
        *("show", "--origin", "--with", "log.level=debug"),
        AICHAIN_RPC__LISTEN="127.0.0.1:4000",
    )
    assert set(found) == set(KEYS)
    assert found["log.level"] == {"value": "debug", "origin": "flag"}
    assert found["rpc.listen"] == {"value": "127.0.0.1:4000", "origin": "environment"}
    assert found["log.format"] == {"value": "json", "origin": "config.toml"}
    assert found["network"] == {"value": "testnet", "origin": "config.toml"}
    assert found["p2p.listen"] == {"value": "127.0.0.1:3691", "origin": "default"}
    assert found["keep"]["value"] == "full"


def test_no_setting_is_left_out() -> None:
    settings = resolve_settings({"faults.clock_offset_ms": "7"}, {}, {})
    rows = settings_rows(settings)
    assert set(rows) == set(KEYS)
    assert rows["faults.clock_offset_ms"] == (7, "flag")
    shown = len(fields(Settings)) - 2  # without origins and faults
    assert len(KEYS) == shown + len(fields(settings.faults))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("moniker", "12", "12"),
        ("moniker", 'a = "b" # c', 'a = "b" # c'),
        ("keep", "5000", 5000),
        ("keep", "full", "full"),
        ("snapshots", "false", False),
        (
            "rpc.cors",
            "https://a.example,https://b.example",
            ["https://a.example", "https://b.example"],
        ),
        ("rpc.listen", "127.0.0.1:4000", "127.0.0.1:4000"),
        ("log.file", "/var/log/node.log", "/var/log/node.log"),
        ("index", "full", "full"),
    ],
)
def test_a_value_that_is_set_is_the_one_that_is_read(
    home: Path, key: str, text: str, value: object
) -> None:
    before = (home / "config.toml").read_text()
    read(home, "set", key, text)
    section, _, name = key.rpartition(".")
    after = (home / "config.toml").read_text()
    table: Any = tomllib.loads(after)
    assert (table[section] if section else table)[name] == value
    assert read(home, "get", key) == value
    assert run(home, "validate").exit_code == 0
    read(home, "set", key, "--unset")
    assert (home / "config.toml").read_text() == before, "comments and all"


def test_a_file_that_is_changed_stays_where_it_is_and_whose_it_is(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link, file = home / "config.toml", tmp_path_factory.mktemp("settings") / "node.toml"
    link.rename(file)
    file.chmod(0o640)
    link.symlink_to(file)
    read(home, "set", "moniker", "ada")
    assert link.is_symlink()
    assert tomllib.loads(file.read_text())["moniker"] == "ada"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_number_of_any_length_is_a_value_or_none(home: Path) -> None:
    assert run(home, "set", "keep", "9" * 5_000).exit_code == ExitCode.CONFIG
    assert read(home, "set", "moniker", "12")["value"] == "12"


def test_nothing_that_run_would_refuse_is_written(home: Path) -> None:
    before = (home / "config.toml").read_text()
    done = run(home, "set", "log.level", "loud")
    assert done.exit_code == ExitCode.CONFIG
    assert "one of debug, info, warning, error" in done.stderr
    assert (home / "config.toml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get", "log.levle"], CommandExit.USAGE),
        (["set", "log.level"], CommandExit.USAGE),
        (["set", "log.level", "info", "--unset"], CommandExit.USAGE),
        (["show", "--with", "log.level"], CommandExit.USAGE),
        (["show", "--with", "loglevel=info"], CommandExit.USAGE),
    ],
)
def test_what_is_no_setting_is_refused(home: Path, arguments: list[str], code: int) -> None:
    assert run(home, *arguments).exit_code == code


def test_settings_that_contradict_are_found(home: Path) -> None:
    (home / "config.toml").write_text('network = "nowhere"\n')
    assert run(home, "validate").exit_code == ExitCode.CONFIG
    (home / "config.toml").write_text("moniker = 1\n")
    done = run(home, "validate")
    assert done.exit_code == ExitCode.CONFIG
    assert "moniker" in done.stderr


def test_where_the_file_is(home: Path, tmp_path: Path) -> None:
    assert run(home, "path").stdout.strip() == str(home / "config.toml")
    empty = tmp_path / "none"
    assert read(empty, "path") == {"file": str(empty / "config.toml"), "exists": False}
    done = run(empty, "set", "moniker", "x")
    assert done.exit_code == ExitCode.CONFIG
    assert "aichain init" in done.stderr


def test_a_section_that_is_not_there_is_made() -> None:
    text = with_setting('moniker = "x" # mine\n', "log.level", "info")
    assert text == 'moniker = "x" # mine\n\n[log]\nlevel = "info"\n'
    assert with_setting(text, "keep", 2000).startswith('moniker = "x" # mine\n')
    assert with_setting(text, "log.format", "json").endswith('level = "info"\nformat = "json"\n')
    assert with_setting(text, "log.file", None) == text


@pytest.mark.parametrize(
    "text", ["rpc = { cors = [] }\n", "rpc.cors = [\n]\n", "[rpc]\ncors = [\n  'https://a',\n]\n"]
)
def test_what_one_line_cannot_change_is_left_alone(text: str) -> None:
    with pytest.raises(NotEditable):
        with_setting(text, "rpc.cors", ["https://b.example"])


def test_a_password_is_written_and_not_shown(home: Path) -> None:
    url, shown = "postgresql://u:pa55w0rd@h/d", "postgresql://u:***@h/d"
    done = run(home, "set", "index_url", url)
    assert done.exit_code == 0
    assert url in (home / "config.toml").read_text()
    outputs = [done.output]
    outputs += [run(home, *each).output for each in (("show", "--origin"), ("get", "index_url"))]
    outputs += [run(home, "show", "--json").output, run(home, "validate").output]
    assert "pa55w0rd" not in "".join(outputs)
    assert shown in outputs[0]
    assert read(home, "get", "index_url") == shown
    refused = run(home, "set", "index_url", "postgresql://u:pa55w0rd")
    assert refused.exit_code != 0
    assert "pa55w0rd" not in refused.output + str(refused.exception)
    assert run(home, "set", "index_url", "--unset").exit_code == 0
    assert read(home, "get", "index_url") is None
