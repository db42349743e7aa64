"""Installs the clients of `js/package-lock.json` once, and says why where that cannot be."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).parent / "js"
_LOCK = JS / "package-lock.json"
_INSTALLED = JS / "node_modules" / ".installed-lock.json"
_INSTALL_TIMEOUT_S = 120


def npm_clients() -> Path:
    """The folder of their commands; skips the test where npm or the network is absent."""
    commands = JS / "node_modules" / ".bin"
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not here: apt-get install npm")
    with _LOCK.open("rb") as alone:  # tests in other processes may want them, too
        fcntl.flock(alone, fcntl.LOCK_EX)
        _install()
    return commands


def _install() -> None:
    if _INSTALLED.exists() and _INSTALLED.read_bytes() == _LOCK.read_bytes():
        return
    # Nothing of a package runs while it is installed: cast comes with its program.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        subprocess.run(command, cwd=JS, check=True, capture_output=True, timeout=_INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci took longer than {_INSTALL_TIMEOUT_S} s: is there a network?")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm ci failed: {error.stderr.decode(errors='replace')[-300:]}")
    _INSTALLED.write_bytes(_LOCK.read_bytes())
