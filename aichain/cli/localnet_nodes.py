"""Make the homes of a local network, and start, stop and kill its node processes.

Whoever calls what changes the network holds `localnet_state.locked`, and has read the state since.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Final

import aichain
from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import CommandError, CommandExit, explain
from aichain.cli.localnet_state import (
    BASE_PORT,
    MAX_NODES,
    NODE_PREFIX,
    PORT_STRIDE,
    LocalnetState,
    LocalNode,
    ProcessId,
)
from aichain.cli.run_plan import is_taken
from aichain.client.errors import RpcError
from aichain.config import RESERVED_ENVIRONMENT, Endpoint, load_document
from aichain.errors import ExitCode
from aichain.homes import data_directory
from aichain.node.first_log import write_first_log
from genesis.document import GenesisDocument, render_document
from genesis.networks import PUBLIC_NETWORKS, local_document
from genesis.params import ConsensusParams
from genesis.units import format_address
from native.node_keys import peer_id_text

STOP_TIMEOUT_S: Final = 15.0
REACH_TIMEOUT_S: Final = 15.0
POLL_S: Final = 0.05
BLOCK_TIME_MS: Final = ConsensusParams().block_time_ms
LOG_TAIL_BYTES: Final = 2000
PROGRAM: Final = (sys.executable, "-P", "-m", "aichain")
"""Without the current folder on the path: whatever lies there is not ours."""
CHECKOUT: Final = Path(aichain.__file__).resolve().parent.parent


def make_network(
    directory: Path,
    network: str,
    validators: int,
    base_port: int = BASE_PORT,
    block_time_ms: int = BLOCK_TIME_MS,
) -> LocalnetState:
    """A new local network of public founders: genesis document and layout, nothing running.

    With another block time all times of consensus are as many times longer.
    """
    if network not in PUBLIC_NETWORKS or not 1 <= validators <= MAX_NODES:
        raise CommandError(
            f"no local network of {validators} validators on {network}",
            f"use --network {' or '.join(PUBLIC_NETWORKS)} and 1 to {MAX_NODES} validators",
            CommandExit.USAGE,
        )
    document = _paced(local_document(network, validators), block_time_ms)
    directory.mkdir(parents=True, exist_ok=True)
    state = layout_of(directory, document, base_port)
    state.save()  # first: a folder with a state file is one that can be taken up or removed
    state.genesis.write_text(render_document(document), encoding="utf-8")
    for node, founder in zip(state.nodes, document.validators, strict=True):
        write_first_log(data_directory(node.home), document, founder.public_key)
    return state


def _paced(document: GenesisDocument, block_time_ms: int) -> GenesisDocument:
    params = document.consensus
    consensus = replace(
        params,
        block_time_ms=block_time_ms,
        delta_ms=max(1, params.delta_ms * block_time_ms // params.block_time_ms),
        escape_ms=max(1, params.escape_ms * block_time_ms // params.block_time_ms),
    )
    return replace(document, consensus=consensus)


def layout_of(directory: Path, document: GenesisDocument, base_port: int) -> LocalnetState:
    """Where the nodes of a document's founders live and listen; none of them runs."""
    nodes = tuple(
        LocalNode(
            index=index,
            home=directory / f"{NODE_PREFIX}{index}",
            rpc_port=base_port + PORT_STRIDE * index,
            p2p_port=base_port + PORT_STRIDE * index + 1,
            peer_id=peer_id_text(founder.peer_id),
            address=format_address(founder.address),
        )
        for index, founder in enumerate(document.validators)
    )
    upgrades = tuple((int(each.block_version), each.from_height) for each in document.upgrades)
    name, genesis_hash = document.name, "0x" + document.hash.hex()
    return LocalnetState(directory, name, genesis_hash, nodes, upgrades=upgrades)


def document_of(state: LocalnetState) -> GenesisDocument:
    return load_document(str(state.genesis))


def require_free_ports(state: LocalnetState, *, is_new: bool) -> None:
    """Every port of the network, before anything starts, or is made: then it may have others."""
    taken = [
        port
        for node in state.nodes
        for port in (node.rpc_port, node.p2p_port)
        if is_taken(Endpoint("127.0.0.1", port))
    ]
    if taken:
        raise CommandError(
            f"port {', '.join(map(str, taken))} of 127.0.0.1 is taken by another program",
            "stop it (perhaps another local network: localnet/down), or use --base-port"
            + ("" if is_new else " with --fresh, which throws this network away"),
            ExitCode.NETWORK,
        )


def start_node(
    state: LocalnetState,
    index: int,
    *,
    vouch: bool = False,
    options: Sequence[str] = (),
    checkout: Path = CHECKOUT,
) -> LocalnetState:
    """Start one node's process; its output goes to node.log in its home.

    `options` are more arguments of `aichain run`, and `checkout` is where its code lies, for this
    start only.
    """
    node = state.node(index)
    if node.is_alive:
        raise CommandError(
            f"node {index} runs already",
            f"`aichain localnet kill {index}{state.dir_option}` first",
            CommandExit.LOCALNET,
        )
    node.home.mkdir(parents=True, exist_ok=True)
    command = [*_command(state, node), *options, *(["--vouch-for-vote-log"] if vouch else [])]
    pid = spawn(command, node.log, checkout)
    state = state.with_node(replace(node, process=ProcessId.of(pid), wanted=True))
    state.save()
    return state


def spawn(command: list[str], log: Path, checkout: Path = CHECKOUT) -> int:
    """Start a process in a session of its own, so that Ctrl-C in the terminal is not for it."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        _environment(checkout),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def kill_node(state: LocalnetState, index: int) -> LocalnetState:
    """SIGKILL: no goodbye, as a power cut."""
    node = state.node(index)
    if node.process is None or not node.process.send(signal.SIGKILL):
        raise CommandError(
            f"node {index} is not running",
            f"`aichain localnet start {index}{state.dir_option}`",
            CommandExit.LOCALNET,
        )
    _wait_for_end((node.process,), STOP_TIMEOUT_S)
    state = state.with_node(replace(node, process=None, wanted=False))
    state.save()
    return state


def stop_nodes(state: LocalnetState) -> LocalnetState:
    """SIGTERM to all, SIGKILL to those that do not listen; returns when none is left."""
    end_processes([node.process for node in state.nodes if node.process is not None])
    stopped = tuple(replace(node, process=None) for node in state.nodes)
    state = replace(state, nodes=stopped)
    state.save()
    return state


def end_processes(processes: Sequence[ProcessId]) -> None:
    """SIGTERM, then SIGKILL for those that do not listen; returns when none is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            process.send(number)
        if _wait_for_end(processes, STOP_TIMEOUT_S):
            return


def set_partition(state: LocalnetState, side: frozenset[int]) -> LocalnetState:
    """Cut the network in two: `side`, and everyone else. An empty side heals it."""
    cut = replace(state, partition=tuple(sorted(side)))
    return _change(state, cut, _Order(_block, "be cut off", "heal"))


def set_regions(state: LocalnetState, *, on: bool) -> LocalnetState:
    """Put the nodes into cloud regions, far away from each other, or back side by side."""
    placed = replace(state, regions=on)
    return _change(state, placed, _Order(_place, "stand elsewhere", "regions off"))


@dataclass(frozen=True, slots=True)
class _Order:
    """Something that every node is told."""

    tell: Callable[[LocalnetState, LocalNode], None]
    """Tell a node what a state says."""
    effect: str
    undo: str
    """The command that ends it."""


def _change(state: LocalnetState, changed: LocalnetState, order: _Order) -> LocalnetState:
    """All nodes that run are told, or none: where one refuses, the others go back to what was."""
    running = [node for node in state.nodes if node.is_alive]
    wait_for_answers(running, REACH_TIMEOUT_S)
    told: list[LocalNode] = []
    for node in running:
        told.append(node)
        try:
            order.tell(changed, node)
        except RpcError as error:
            stuck = [each.index for each in told if not _is_restored(state, each, order)]
            again = f"; nodes {stuck} may {order.effect} already" if stuck else ""
            raise CommandError(
                f"node {node.index} did not take it ({explain(error).cause}), so nothing was "
                f"changed{again}",
                f"see {node.log}; `aichain localnet {order.undo}{state.dir_option}` ends what is "
                "left",
                CommandExit.UNREACHABLE,
            ) from None
    changed.save()
    return changed


def wait_for_rpc(state: LocalnetState, timeout_s: float, tick: Callable[[], None]) -> None:
    """Until every node that should run answers; a node that dies early shows why."""
    wait_for_answers([node for node in state.nodes if node.wanted], timeout_s, tick)


def wait_for_answers(
    nodes: Sequence[LocalNode], timeout_s: float, tick: Callable[[], None] = lambda: None
) -> None:
    """Until each of these nodes answers; CommandError when one has ended, or does not in time."""
    deadline = time.monotonic() + timeout_s
    waiting = {node.index: node for node in nodes}
    while waiting:
        tick()
        for node in tuple(waiting.values()):
            if not node.is_alive:
                raise CommandError(
                    f"node {node.index} ended at once; its log says: {log_tail(node)}",
                    f"see {node.log}",
                    CommandExit.LOCALNET,
                )
            if _answers(node):
                del waiting[node.index]
        if waiting and time.monotonic() > deadline:
            late = min(waiting)
            raise CommandError(
                f"node {late} does not answer after {timeout_s:.0f} s",
                f"see {waiting[late].log}",
                CommandExit.TIMEOUT,
            )
        time.sleep(POLL_S)


def log_tail(node: LocalNode) -> str:
    """The last lines a node wrote; if it ended with errors, only these."""
    try:
        with node.log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return "(no log)"
    errors = list(takewhile(lambda line: " error " in line, reversed(lines)))[::-1]
    return " | ".join((errors or lines)[-4:]) or "(nothing)"


def _block(state: LocalnetState, node: LocalNode) -> None:
    """Tell a node to hear nobody of the other side."""
    side = state.partition
    across = [
        other.peer_id
        for other in state.nodes
        if side and (other.index in side) != (node.index in side)
    ]
    with RpcClient(node.rpc_url) as client:
        client.call("aichain_setBlockedPeers", across)


def _place(state: LocalnetState, node: LocalNode) -> None:
    """Tell a node how far away the others are."""
    with RpcClient(node.rpc_url) as client:
        client.call("aichain_setRegions", state.regions)


def _is_restored(state: LocalnetState, node: LocalNode, order: _Order) -> bool:
    """Back to what was; a node that is dead by now does nothing."""
    try:
        order.tell(state, node)
    except RpcError:
        return not node.is_alive
    return True


def _answers(node: LocalNode) -> bool:
    try:
        with RpcClient(node.rpc_url, timeout_s=1.0) as client:
            client.call("aichain_status")
    except RpcError:
        return False
    return True


def _command(state: LocalnetState, node: LocalNode) -> list[str]:
    others = [other for other in state.nodes if other.index != node.index]
    command = [*PROGRAM, "run", "--network", str(state.genesis)]
    command += ["--home", str(node.home), "--founder", str(node.index), "--allow-faults"]
    command += ["--rpc-listen", f"127.0.0.1:{node.rpc_port}"]
    command += ["--p2p-listen", f"127.0.0.1:{node.p2p_port}"]
    for other in others:
        command += ["--bootstrap", other.multiaddr]
    return [*command, "--regions"] if state.regions else command


def _environment(checkout: Path) -> dict[str, str]:
    """Settings of the person's own node do not leak into the local network."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AICHAIN_") or name in RESERVED_ENVIRONMENT
    }
    kept.pop("AICHAIN_HOME", None)
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(checkout)}


def _wait_for_end(processes: Sequence[ProcessId], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(process.is_alive for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    for process in processes:
        reap(process)
    return True


def reap(process: ProcessId) -> None:
    """Collect a child that ended, so that it does not stay as a zombie; others' are left alone."""
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        pass


def exit_code_of(child: ProcessId) -> int:
    """How a child ended; 1 for one that a signal ended, or that somebody else collected."""
    try:
        _, status = os.waitpid(child.pid, 0)
    except ChildProcessError:
        return CommandExit.FAILED
    return max(os.waitstatus_to_exitcode(status), CommandExit.FAILED)
