"""The code of the previous commit, for upgrades of what it left on disk."""

import os
import subprocess
import sys
from pathlib import Path

from aichain.cli.localnet_nodes import CHECKOUT
from aichain.cli.localnet_state import LocalnetState

PREVIOUS = "HEAD~1"
READ_GENESIS = (
    "import sys; from aichain.config import load_document; "
    "print('0x' + load_document(sys.argv[1]).hash.hex())"
)


class NoUpgrade(Exception):
    """There is nothing to upgrade from; the text says why."""


class GenesisChanged(NoUpgrade):
    """The commit gives a genesis document another meaning, and says so in the manifest."""


def unpack_previous(folder: Path) -> Path:
    """The previous commit's files in a folder; NoUpgrade without git or without that commit."""
    folder.mkdir(parents=True)
    archive = folder / "previous.tar"
    command = ["git", "-C", str(CHECKOUT), "archive", "--output", str(archive), PREVIOUS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except OSError as error:
        raise NoUpgrade(f"git does not run here: {error.strerror}") from None
    if done.returncode:
        raise NoUpgrade(f"git has no {PREVIOUS} here: {done.stderr.strip().splitlines()[-1]}")
    code = folder / "previous"
    code.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(code)], check=True, timeout=60)
    archive.unlink()
    return code


def require_same_genesis(code: Path, state: LocalnetState, changed_by: str) -> None:
    """Refuse where the two commits do not make the same chain of one document.

    GenesisChanged if this commit's subject is `changed_by`; AssertionError otherwise, so that
    nobody changes the chain without knowing.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", READ_GENESIS, str(state.genesis)],
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = done.stdout.strip() or (done.stderr.strip().splitlines() or ["nothing"])[-1]
    if found == state.genesis_hash:
        return
    reason = f"{PREVIOUS} reads this genesis document as {found}"
    subject = _subject()
    assert changed_by == subject, f"{reason}; if so, upgrade.toml: genesis_changed_by = {subject!r}"
    raise GenesisChanged(reason)


def _subject() -> str:
    """That of this commit."""
    command = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%s"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()
