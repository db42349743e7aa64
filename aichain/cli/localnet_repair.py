"""A local network whose state file is damaged: what of it still runs, and how it goes on."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_nodes import PROGRAM, layout_of
from aichain.cli.localnet_state import (
    DEFAULT_DIRECTORY,
    GENESIS_FILE,
    NODE_PREFIX,
    STATE_FILE,
    LocalnetState,
    ProcessId,
    dir_option,
)
from aichain.config import load_document
from aichain.store.durable import replace_file
from genesis.document import render_document
from genesis.networks import PUBLIC_NETWORKS, local_document
from genesis.upgrades import Upgrade, known_version
from native.errors import AIChainError

PROCESSES: Final = Path("/proc")


def find_processes(directory: Path) -> tuple[ProcessId, ...]:
    """Every process of this folder's network but our own, by its command line: nodes, and the
    `localnet up` that watches over them."""
    own, wanted = os.getpid(), directory.resolve()
    found = (ProcessId.of(pid) for pid, words, cwd in _commands() if _is_of(words, cwd, wanted))
    return tuple(process for process in found if process.pid != own and process.is_alive)


def rebuilt_state(directory: Path, base_port: int) -> LocalnetState:
    """The network as its folder shows it, with nothing running."""
    path = directory / GENESIS_FILE
    try:
        document = load_document(str(path))
    except AIChainError as error:
        raise _lost(directory, str(error)) from None
    if document.name not in PUBLIC_NETWORKS:
        raise _lost(directory, f"{path} is for {document.name}")
    return layout_of(directory, document, base_port)


def with_document(state: LocalnetState | None) -> LocalnetState | None:
    """The same network, and the genesis document that everybody can make again if it is lost."""
    if state is None:
        return None
    try:
        load_document(str(state.genesis))
    except AIChainError:
        upgrades = tuple(Upgrade(known_version(to), at) for to, at in state.upgrades)
        made = replace(local_document(state.network, len(state.nodes)), upgrades=upgrades)
        if state.genesis_hash != "0x" + made.hash.hex():
            raise
        replace_file(state.genesis, render_document(made).encode())
    return state


def _lost(directory: Path, reason: str) -> CommandError:
    return CommandError(
        f"neither {STATE_FILE} nor {GENESIS_FILE} of {directory} can be used ({reason})",
        f"start again with `localnet/up --fresh{dir_option(directory)}`",
        CommandExit.LOCALNET,
    )


def _commands() -> Iterator[tuple[int, list[str], Path]]:
    """Process number, command line and working directory of all that may be read."""
    for entry in PROCESSES.iterdir() if PROCESSES.is_dir() else ():
        if not entry.name.isdecimal():
            continue
        try:
            words = os.fsdecode((entry / "cmdline").read_bytes()).split("\0")[:-1]
            cwd = (entry / "cwd").readlink()
        except OSError:
            continue  # another user's, or gone
        if words:  # kernel threads have none, nor have those that wait for their parent
            yield int(entry.name), words, cwd


def _is_of(words: Sequence[str], cwd: Path, wanted: Path) -> bool:
    if list(words[1:5]) == [*PROGRAM[1:], "run"]:
        home = (cwd / _option(words, "--home", "")).resolve()
        return home.parent == wanted and home.name.startswith(NODE_PREFIX)
    is_python = Path(words[0]).name.startswith("python")
    directory = (cwd / _option(words, "--dir", DEFAULT_DIRECTORY)).resolve()
    return is_python and ("localnet", "up") in pairwise(words) and directory == wanted


def _option(words: Sequence[str], name: str, default: str) -> str:
    """The value of an option, as `--name value` or `--name=value`."""
    for word, following in zip(words, [*words[1:], default], strict=True):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return default
