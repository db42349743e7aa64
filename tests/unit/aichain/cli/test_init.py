"""`aichain init`: a home that a node starts from, made once."""

import json
import shlex
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.cli.init import render_config
from aichain.config import KEYS, load_document, read_config_file
from aichain.errors import ConfigError
from genesis.document import render_document
from genesis.networks import local_document

Invoke: TypeAlias = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path / "xdg")})
    return lambda *arguments: runner.invoke(main, ["init", *arguments])


def test_a_home_has_a_config_a_node_key_and_nothing_else(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("--network", "testnet", "--moniker", "anna", "--json")
    home = tmp_path / "xdg/aichain/testnet"
    value = json.loads(done.output)
    assert value["home"] == str(home)
    assert value["peerId"].startswith("12D3Koo")
    assert sorted(path.name for path in home.iterdir()) == ["config.toml", "node.key"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.iterdir())
    assert read_config_file(home / "config.toml") == {"network": "testnet", "moniker": "anna"}


def test_the_next_command_can_be_pasted(invoke: Invoke, tmp_path: Path) -> None:
    home = str(tmp_path / "my node's")
    shown = json.loads(invoke("--network", "testnet", "--home", home, "--json").output)["next"]
    assert shlex.split(shown) == ["aichain", "run", "--home", home]


def test_a_second_time_changes_nothing(invoke: Invoke, tmp_path: Path) -> None:
    home = tmp_path / "h"
    first = invoke("--network", "testnet", "--home", str(home), "--json").output
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    assert invoke("--network", "testnet", "--home", str(home), "--json").output == first
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_a_home_is_never_turned_into_another_networks(invoke: Invoke, tmp_path: Path) -> None:
    invoke("--network", "testnet", "--home", str(tmp_path / "h"))
    done = invoke("--network", "devnet", "--home", str(tmp_path / "h"))
    assert done.exit_code == 2
    assert "(testnet)" in done.stderr


def test_a_document_is_copied_into_the_home(invoke: Invoke, tmp_path: Path) -> None:
    document = local_document("testnet", 2, onion_length=8)
    (tmp_path / "g.toml").write_text(render_document(document))
    home = tmp_path / "h"
    assert invoke("--network", str(tmp_path / "g.toml"), "--home", str(home)).exit_code == 0
    assert load_document(str(home / "genesis.toml")).hash == document.hash
    assert read_config_file(home / "config.toml")["network"] == "genesis.toml"
    other = local_document("testnet", 3, onion_length=8)
    (tmp_path / "g.toml").write_text(render_document(other))
    assert invoke("--network", str(tmp_path / "g.toml"), "--home", str(home)).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--bootstrap", "xx"),
        ("--bootstrap", "/ip4/127.0.0.1/tcp/1/p2p/xx"),
        ("--moniker", ""),
        ("--moniker", "a\tb"),
        ("--moniker", "a\udcff"),
    ],
)
def test_a_setting_that_no_node_would_start_with_makes_no_home(
    invoke: Invoke, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = invoke("--network", "testnet", "--home", str(tmp_path / "h"), *arguments)
    assert done.exit_code == 10
    assert done.stderr.count("\n") == 2
    assert not (tmp_path / "h").exists()


def test_a_damaged_node_key_says_what_to_do(invoke: Invoke, tmp_path: Path) -> None:
    invoke("--network", "testnet", "--home", str(tmp_path / "h"))
    (tmp_path / "h/node.key").write_bytes(b"short")
    done = invoke("--network", "testnet", "--home", str(tmp_path / "h"))
    assert done.exit_code == 6
    assert "move it away" in done.stderr


def test_mainnet_has_no_home_yet(invoke: Invoke) -> None:
    assert invoke("--network", "mainnet").exit_code == 9


def test_the_template_explains_every_key_and_is_toml() -> None:
    text = render_config({"network": 'a"b\\c', "p2p.bootstrap": ("x", "y"), "index": True})
    table = tomllib.loads(text)
    assert table["network"] == 'a"b\\c'
    assert table["p2p"]["bootstrap"] == ["x", "y"]
    assert table["index"] is True
    for key, meaning in KEYS.items():
        assert f"# {meaning}\n" in text
        assert f"{key.rpartition('.')[2]} =" in text


def test_a_control_character_does_not_get_into_the_file() -> None:
    with pytest.raises(ConfigError):
        render_config({"moniker": "a\nb"})
