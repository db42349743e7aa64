"""Files that are none, or have no end: named in two lines, neither waited for nor read whole."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from aichain.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("endless").symlink_to("/dev/zero")
    drafted = ("new", "--name", "mine", "--network-id", "777", "--out", "draft.toml")
    assert CliRunner().invoke(main, ("genesis", *drafted)).exit_code == 0
    return tmp_path


@pytest.mark.parametrize("name", ["pipe", "endless"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("genesis add-validator draft.toml {}", 9),
        ("fork-proof verify --network testnet {}", 56),
        ("light --home . --network testnet header 1", 10),
    ],
)
def test_what_is_no_regular_file_is_not_read(
    place: Path, command: str, code: int, name: str
) -> None:
    (place / "light.json").symlink_to(name)
    done = CliRunner().invoke(main, command.format(name).split())
    assert done.exit_code == code
    assert re.fullmatch(r"error: .+ not a regular file.*\nfix:   .+\n", done.stderr)


def test_a_long_entry_is_not_taken_for_its_beginning(place: Path) -> None:
    (place / "long").write_bytes(b"#" * 100_000)
    done = CliRunner().invoke(main, ["genesis", "add-validator", "draft.toml", "long"])
    assert done.exit_code == 9
    assert "larger than" in done.stderr
