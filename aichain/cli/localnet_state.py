"""What a local network is made of, in one file: `localnet.json` in its folder."""

import fcntl
import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.store.durable import replace_file
from genesis.networks import PUBLIC_NETWORKS
from genesis.upgrades import UPGRADES_MAX

STATE_FILE: Final = "localnet.json"
GENESIS_FILE: Final = "genesis.toml"
NODE_PREFIX: Final = "node"
ACCOUNTS_DIRECTORY: Final = "accounts"
SUPERVISOR_LOG: Final = "localnet.log"
DEFAULT_DIRECTORY: Final = ".localnet"
BASE_PORT: Final = 3690
PORT_STRIDE: Final = 10
MAX_NODES: Final = 24
"""More than a full set of 20, so that two lanes can be seen with real processes."""
VERSION: Final = 1
MAX_STATE_BYTES: Final = 1 << 20
LOCK_WAIT_S: Final = 60.0
"""Longer than any command that holds the lock takes: `down` waits 15 s twice for its nodes."""

Port = Annotated[int, Meta(ge=1, le=65_535)]


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: Annotated[int, Meta(ge=1)]
    started: Annotated[int, Meta(ge=0)]
    """Start time in clock ticks since boot, from /proc; 0 where there is no /proc."""

    @classmethod
    def of(cls, pid: int) -> Self:
        return cls(pid, _start_ticks(pid) or 0)

    @property
    def is_alive(self) -> bool:
        """Running, and not a zombie that waits for its parent."""
        if Path("/proc/self/stat").exists():
            return _start_ticks(self.pid) == self.started
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        return True

    def send(self, number: signal.Signals) -> bool:
        """Signal it if it still lives."""
        if not self.is_alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One validator: where it lives, what it listens on, which process it is now."""

    index: int
    home: Path
    rpc_port: Port
    p2p_port: Port
    peer_id: str
    address: str
    process: ProcessId | None = None
    wanted: bool = True
    """False after `kill`: a node that is down on purpose is not a failure."""

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def multiaddr(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.p2p_port}/p2p/{self.peer_id}"

    @property
    def log(self) -> Path:
        return self.home / "node.log"

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.is_alive


@dataclass(frozen=True, slots=True)
class LocalnetState:
    """A local network; saved whole after every change, so that any command can take over."""

    directory: Path
    network: str
    genesis_hash: str
    nodes: Annotated[tuple[LocalNode, ...], Meta(min_length=1, max_length=MAX_NODES)]
    supervisor: ProcessId | None = None
    partition: tuple[int, ...] = ()
    """The nodes on one side of the present partition; empty when the network is whole."""
    regions: bool = False
    """Nodes are as far away from each other as the cloud regions that they stand in."""
    upgrades: Annotated[tuple[tuple[int, int], ...], Meta(max_length=UPGRADES_MAX)] = ()
    """Block versions and their first heights: what the genesis hash does not tell."""

    @property
    def dir_option(self) -> str:
        """What a command in a hint needs to mean this network."""
        return dir_option(self.directory)

    @property
    def genesis(self) -> Path:
        return self.directory / GENESIS_FILE

    @property
    def is_running(self) -> bool:
        supervised = self.supervisor is not None and self.supervisor.is_alive
        return supervised or any(node.is_alive for node in self.nodes)

    def node(self, index: int) -> LocalNode:
        if not 0 <= index < len(self.nodes):
            raise CommandError(
                f"there is no node {index}",
                f"nodes are numbered 0 to {len(self.nodes) - 1}",
                CommandExit.LOCALNET,
            )
        return self.nodes[index]

    def with_node(self, node: LocalNode) -> "LocalnetState":
        nodes = tuple(node if old.index == node.index else old for old in self.nodes)
        return replace(self, nodes=nodes)

    def save(self) -> None:
        """Replace the file in one step; a reader sees the old or the new one, a power cut leaves
        one of them."""
        value = asdict(self) | {"version": VERSION}
        text = json.dumps(value, indent=2, default=str) + "\n"
        replace_file(self.directory / STATE_FILE, text.encode())


class StateDamaged(CommandError):
    """The file is there and cannot be used; what it said can be found out again."""


def load_state(directory: Path) -> LocalnetState | None:
    """The network of this folder; None when there is none. Raises StateDamaged."""
    path = directory / STATE_FILE
    if not path.is_file() and not _holds_a_network(directory):
        return None
    try:
        if path.stat().st_size > MAX_STATE_BYTES:
            raise ValueError("larger than 1 MiB")
        return replace(_decode(path.read_bytes()), directory=directory)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        option = dir_option(directory)
        thrown = f"; `localnet/up --fresh{option}` throws it away" if path.exists() else ""
        raise StateDamaged(
            f"{path} cannot be read ({error})",
            f"`localnet/down{option}` ends what still runs there, and `localnet/up{option}` goes "
            f"on with the chain{thrown}",
            CommandExit.LOCALNET,
        ) from None


def current_state(known: LocalnetState) -> LocalnetState:
    """What the file says now; who watches over a network writes down again what is lost of it."""
    try:
        return load_state(known.directory) or known
    except StateDamaged:
        with suppress(OSError), locked(known.directory):
            known.save()
        return known


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep all other commands from changing this network meanwhile: who changes it holds this.

    The lock is on the folder itself, so that `--fresh` cannot remove it; it ends with its process.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + LOCK_WAIT_S
    try:
        while not _take(descriptor):
            if time.monotonic() > deadline:
                raise CommandError(
                    f"another command has been changing the local network of {directory} for "
                    f"{LOCK_WAIT_S:.0f} s",
                    "wait until it has ended, or end it, and try again",
                    CommandExit.LOCALNET,
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def dir_option(directory: Path) -> str:
    """` --dir DIR` for the commands in hints; empty for the folder that they take by themselves."""
    return "" if directory == Path(DEFAULT_DIRECTORY) else f" --dir {shlex.quote(str(directory))}"


def running_state(directory: Path) -> LocalnetState:
    """The network of this folder, which must be running."""
    state = load_state(directory)
    if state is None or not state.is_running:
        raise CommandError(
            f"no local network runs in {directory}",
            f"start one with `localnet/up{dir_option(directory)}`, or name its folder with --dir",
            CommandExit.LOCALNET,
        )
    return state


def remove_network(directory: Path) -> None:
    """Delete what a local network leaves in its folder, and nothing else."""
    if not directory.exists():
        return
    if any(directory.iterdir()) and not (directory / STATE_FILE).exists():
        raise CommandError(
            f"{directory} is not empty and holds no local network",
            "name another folder with --dir",
            CommandExit.LOCALNET,
        )
    for path in sorted(directory.iterdir(), key=lambda path: path.name == STATE_FILE):  # it last
        if path.is_dir() and (path.name.startswith(NODE_PREFIX) or path.name == ACCOUNTS_DIRECTORY):
            shutil.rmtree(path)
        elif path.name.startswith(("localnet.", GENESIS_FILE)):
            path.unlink()


def _holds_a_network(directory: Path) -> bool:
    """Whether what is there is left of one whose state file is gone."""
    return (directory / GENESIS_FILE).is_file() and (directory / f"{NODE_PREFIX}0").is_dir()


class _Head(msgspec.Struct):
    version: int


def _decode(raw: bytes) -> LocalnetState:
    """What a file says, whatever is in it; ValueError, MsgspecError, RecursionError."""
    version = msgspec.json.decode(raw, type=_Head).version
    if version != VERSION:
        raise ValueError(f"version {version}")
    state = msgspec.json.decode(raw, type=LocalnetState, dec_hook=lambda _, text: Path(text))
    indices = [node.index for node in state.nodes]
    if indices != list(range(len(indices))):
        raise ValueError(f"nodes are numbered {indices}")
    if state.network not in PUBLIC_NETWORKS or not set(state.partition) <= set(indices):
        raise ValueError(f"network {state.network!r}, partition {list(state.partition)}")
    return state


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])
