"""What the install scripts rely on: the stand-in for the one library that has no wheel."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
USE = """
import libp2p.crypto.key_exchange
from libp2p.crypto.ecc import create_new_key_pair
import fastecdsa
assert fastecdsa.__file__.startswith({wheel!r}), fastecdsa.__file__
try:
    create_new_key_pair("P-256")
except RuntimeError as error:
    print(error)
"""

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *" install "*) echo "$6" >>"$(dirname "$0")/../../installed" ;;
    -V) echo Python 3.11 ;;
esac
"""


def stand_in() -> Any:
    path = ROOT / "localnet" / "fastecdsa_stand_in.py"
    spec = importlib.util.spec_from_file_location("fastecdsa_stand_in", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_libp2p_imports_with_the_stand_in_and_is_refused_its_use(tmp_path: Path) -> None:
    wheel = stand_in().write_wheel(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", USE.format(wheel=str(wheel))],
        env=os.environ | {"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "P-256 keys cannot be used" in done.stdout


def test_the_wheel_is_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = stand_in().write_wheel(tmp_path).read_bytes()
    assert stand_in().write_wheel(tmp_path / "again").read_bytes() == first


def test_what_is_installed_once_is_not_installed_again(tmp_path: Path) -> None:
    """And whoever has what the tests need may still lack what the models need."""
    (tmp_path / "localnet").mkdir()
    shutil.copy(ROOT / "localnet" / "install", tmp_path / "localnet")
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    installed = []
    for extras in ("dev", "", "dev", "dev,spec", "dev", "", "dev,spec"):
        subprocess.run([tmp_path / "localnet/install", *([extras] if extras else [])], check=True)
        written = tmp_path / "installed"
        installed += written.read_text().split() if written.exists() else []
        written.unlink(missing_ok=True)
    assert installed == [f"{tmp_path}[dev]", f"{tmp_path}[dev,spec]"]


def test_every_script_says_what_it_does_and_runs_in_plain_sh() -> None:
    for name in ("localnet/install", "localnet/up", "localnet/down", "tests/run", ".ci/run"):
        path = ROOT / name
        lines = path.read_text().splitlines()
        assert lines[0] == "#!/bin/sh"
        assert lines[1].startswith("# ")
        assert os.access(path, os.X_OK)
        subprocess.run(["sh", "-n", path], check=True)
