"""Bring a local network up, watch over it until it is told to stop, and take it down."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from aichain.cli.exit_codes import CommandError, CommandExit
from aichain.cli.localnet_banner import banner
from aichain.cli.localnet_health import health_lines
from aichain.cli.localnet_nodes import (
    BLOCK_TIME_MS,
    PROGRAM,
    STOP_TIMEOUT_S,
    document_of,
    end_processes,
    exit_code_of,
    layout_of,
    log_tail,
    make_network,
    reap,
    require_free_ports,
    spawn,
    start_node,
    stop_nodes,
    wait_for_rpc,
)
from aichain.cli.localnet_repair import find_processes, rebuilt_state, with_document
from aichain.cli.localnet_state import (
    BASE_PORT,
    SUPERVISOR_LOG,
    LocalnetState,
    ProcessId,
    StateDamaged,
    current_state,
    dir_option,
    load_state,
    locked,
    remove_network,
)
from aichain.cli.localnet_view import Watcher, line_of, render_table
from aichain.cli.terminals import can_redraw
from aichain.pace import stands_after_ms
from genesis.networks import local_document

READY_TIMEOUT_S: Final = 60.0
FIRST_BLOCK_TIMEOUT_S: Final = 60.0
DETACH_TIMEOUT_S: Final = READY_TIMEOUT_S + FIRST_BLOCK_TIMEOUT_S + 3 * STOP_TIMEOUT_S
"""Long enough for the command in the background to say itself why it gives up."""
USUAL_NODES: Final = 4
USUAL_STANDSTILL_S: Final = 20.0
"""These times are for so many nodes, or fewer, of which nobody waits longer for a block."""
LOADER_TIMEOUT_S: Final = 5.0
TABLE_EVERY_S: Final = 1.0
LINE_EVERY_S: Final = 5.0
RUN_LIMIT_S: Final = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class UpRequest:
    """What was asked of `localnet up`."""

    directory: Path
    validators: int
    network: str
    fresh: bool = False
    detach: bool = False
    seconds: float | None = None
    load: float = 0.0
    base_port: int = BASE_PORT
    vouch: tuple[int, ...] = ()
    """Nodes to start with `--vouch-for-vote-log`."""
    regions: bool = False
    block_time_ms: int = BLOCK_TIME_MS


@dataclass(slots=True)
class StopSignal:
    """Set by SIGINT and SIGTERM; the loop looks at it between two samples."""

    is_set: bool = field(default=False)

    def request(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True


def bring_up(request: UpRequest) -> int:
    """`localnet up`: returns the exit code when the network has stopped (or runs detached)."""
    started = time.monotonic()
    request.directory.mkdir(parents=True, exist_ok=True)
    with locked(request.directory):
        state = _prepare(request)
        require_free_ports(state, is_new=False)
        supervisor = _spawn_supervisor(request) if request.detach else os.getpid()
        state = replace(
            state,
            supervisor=ProcessId.of(supervisor),
            partition=(),
            regions=request.regions,
        )
        state.save()
    if request.detach:
        return _wait_for_supervisor(state, started)
    with _stop_on_signals() as stop:
        try:
            _run(request, state, stop, started)
        except Stopped:
            pass
        finally:
            click.echo("stopping")
            _finish(request.directory)
    return CommandExit.OK


def take_down(directory: Path) -> int:
    """`localnet down`: end the supervisor, or the nodes themselves; how many were running."""
    try:
        state = load_state(directory)
    except StateDamaged as damage:
        return _end_what_runs(directory, damage)
    if state is None or not state.is_running:
        return 0
    running = sum(node.is_alive for node in state.nodes)
    supervisor = state.supervisor
    if supervisor is not None and supervisor.send(signal.SIGTERM):
        deadline = time.monotonic() + 3 * READY_TIMEOUT_S
        while supervisor.is_alive and time.monotonic() < deadline:
            time.sleep(0.05)
    _finish(directory)
    return running


def _end_what_runs(directory: Path, damage: StateDamaged) -> int:
    found = find_processes(directory)
    end_processes(found)
    click.echo(
        f"{damage.cause}; `localnet/up{dir_option(directory)}` goes on all the same", err=True
    )
    return len(found)


def _prepare(request: UpRequest) -> LocalnetState:
    """The network of this folder, made anew or taken up where it was left."""
    state = _found(request)
    if state is not None and state.is_running and state.supervisor != ProcessId.of(os.getpid()):
        raise _runs_already(request.directory)
    if request.fresh or state is None:
        document = local_document(request.network, request.validators)
        planned = layout_of(request.directory, document, request.base_port)
        require_free_ports(planned, is_new=True)
        remove_network(request.directory)
        return make_network(
            request.directory,
            request.network,
            request.validators,
            request.base_port,
            request.block_time_ms,
        )
    for index in request.vouch:
        state.node(index)
    asked = (request.network, request.validators, request.base_port, request.block_time_ms)
    block_time_ms = document_of(state).consensus.block_time_ms
    found = (state.network, len(state.nodes), state.nodes[0].rpc_port, block_time_ms)
    if asked != found:
        pace = "" if block_time_ms == BLOCK_TIME_MS else f" --block-time-ms {block_time_ms}"
        raise CommandError(
            f"{request.directory} holds a {found[0]} of {found[1]} validators from port {found[2]}"
            f" with {block_time_ms} ms a block",
            f"add --network {found[0]} --validators {found[1]} --base-port {found[2]}{pace}, or "
            "--fresh to throw it away, or name another folder with --dir",
            CommandExit.LOCALNET,
        )
    return state


def _found(request: UpRequest) -> LocalnetState | None:
    """What the folder holds; a state file that cannot be read is made anew from the rest."""
    try:
        return with_document(load_state(request.directory))
    except StateDamaged as damage:
        if find_processes(request.directory):
            raise _runs_already(request.directory) from None
        if request.fresh:
            return None
        click.echo(f"{damage.cause}; going on with the homes that are there", err=True)
        return rebuilt_state(request.directory, request.base_port)


def _runs_already(directory: Path) -> CommandError:
    return CommandError(
        f"a local network runs in {directory} already",
        f"`localnet/down{dir_option(directory)}`, or name another folder with --dir",
        CommandExit.LOCALNET,
    )


def _spawn_supervisor(request: UpRequest) -> int:
    """The same command again, in the background; it finds itself named in the state file."""
    command = [*PROGRAM, "localnet", "up", "--dir", str(request.directory)]
    command += ["--validators", str(request.validators), "--network", request.network]
    command += ["--base-port", str(request.base_port), "--load", str(request.load)]
    command += ["--block-time-ms", str(request.block_time_ms)]
    command += ["--for", str(request.seconds)] if request.seconds is not None else []
    command += ["--regions"] if request.regions else []
    for index in request.vouch:
        command += ["--vouch-for-vote-log", str(index)]
    log = request.directory / SUPERVISOR_LOG
    log.unlink(missing_ok=True)
    return spawn(command, log)


def _wait_for_supervisor(state: LocalnetState, started: float) -> int:
    """Until the network in the background has a new final block."""
    log, supervisor = state.directory / SUPERVISOR_LOG, state.supervisor
    assert supervisor is not None, "it was spawned just now"
    watcher, patience_s = Watcher(state), DETACH_TIMEOUT_S * _slower(state)
    try:
        while time.monotonic() < started + patience_s:
            watcher.state = current_state(watcher.state)
            watcher.sample()
            if _has_block_since(watcher, started):
                click.echo("\n".join(banner(watcher.state, time.monotonic() - started)))
                click.echo(f"\nRuns in the background; localnet/down{state.dir_option}")
                return CommandExit.OK
            if not supervisor.is_alive:
                raise _why_it_ended(supervisor, log)
            time.sleep(0.1)
    finally:
        watcher.close()
    raise CommandError(
        f"no block became final within {patience_s:.0f} s",
        f"see {log}; `localnet/down{state.dir_option}` ends what runs",
        CommandExit.TIMEOUT,
    )


def _slower(state: LocalnetState) -> float:
    """How many times longer than for four nodes: few cores, or blocks that take their time."""
    stands_s = stands_after_ms(document_of(state)) / 1000
    return max(1.0, len(state.nodes) / USUAL_NODES, stands_s / USUAL_STANDSTILL_S)


def _why_it_ended(supervisor: ProcessId, log: Path) -> CommandError:
    """What the command in the background said last, and its exit code."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}
    cause = said.get("error", " | ".join(lines[-3:]) or "it ended without a word")
    return CommandError(cause, said.get("fix", f"see {log}"), exit_code_of(supervisor))


def _run(request: UpRequest, state: LocalnetState, stop: StopSignal, started: float) -> None:
    with locked(state.directory):
        for node in state.nodes:
            state = start_node(state, node.index, vouch=node.index in request.vouch)
    wait_for_rpc(state, READY_TIMEOUT_S * _slower(state), lambda: _leave_if(stop))
    watcher, loader = Watcher(state), None
    try:
        _wait_for_block(watcher, stop, started)
        click.echo("\n".join(banner(state, time.monotonic() - started)) + "\n")
        sys.stdout.flush()
        loader = _start_load(request, state) if request.load else None
        until = time.monotonic() + (RUN_LIMIT_S if request.seconds is None else request.seconds)
        _watch(watcher, stop, until)
    finally:
        if loader is not None and loader.send(signal.SIGTERM):
            _wait_for_loader(loader)
        watcher.close()


class Stopped(Exception):
    """A signal asked the network to stop."""


def _leave_if(stop: StopSignal) -> None:
    if stop.is_set:
        raise Stopped


def _has_block_since(watcher: Watcher, started: float) -> bool:
    """Whether a block became final after `started`; those of an earlier run prove nothing."""
    age_ms = watcher.health().age_ms
    return age_ms is not None and age_ms < 1000 * (time.monotonic() - started)


def _wait_for_block(watcher: Watcher, stop: StopSignal, started: float) -> None:
    deadline = time.monotonic() + FIRST_BLOCK_TIMEOUT_S * _slower(watcher.state)
    while not _has_block_since(watcher, started):
        _leave_if(stop)
        if time.monotonic() > deadline:
            raise _no_block(watcher)
        watcher.sample()
        time.sleep(0.05)


def _no_block(watcher: Watcher) -> CommandError:
    """Why the network is taken down again, and how it can be brought up."""
    state, trouble = watcher.state, watcher.health().trouble
    waited_s = FIRST_BLOCK_TIMEOUT_S * _slower(state)
    cause = f"no block became final within {waited_s:.0f} s"
    fix = f"see {state.nodes[0].log}: {log_tail(state.nodes[0])}"
    if trouble is not None:
        cause += f": {trouble.cause}"
    if trouble is not None and trouble.vouch:
        options = " ".join(f"--vouch-for-vote-log {index}" for index in trouble.vouch)
        fix = f"give `localnet/up` {options} as well; consensus/README.md says what it risks"
    return CommandError(cause, fix, CommandExit.TIMEOUT)


def _watch(watcher: Watcher, stop: StopSignal, until: float) -> None:
    """Show the network until it is time to stop; `kill` and `start` come through the state file."""
    console = Console()
    is_drawn = can_redraw(console)
    every = TABLE_EVERY_S if is_drawn else LINE_EVERY_S
    live = Live(console=console, auto_refresh=False) if is_drawn else None
    with live or contextlib.nullcontext():
        while time.monotonic() < until:
            watcher.state = current_state(watcher.state)
            for node in watcher.state.nodes:
                if node.process is not None:
                    reap(node.process)
            watcher.sample()
            if live is not None:
                live.update(render_table(watcher), refresh=True)
            else:
                lines = [line_of(watcher.summary()), *health_lines(watcher.health())]
                click.echo("  ".join(lines))
            if not any(node.is_alive or not node.wanted for node in watcher.state.nodes):
                raise CommandError(
                    "all nodes have ended",
                    f"see {watcher.state.nodes[0].log}",
                    CommandExit.LOCALNET,
                )
            _pause(min(every, max(0.0, until - time.monotonic())), stop)


def _pause(seconds: float, stop: StopSignal) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _leave_if(stop)
        time.sleep(0.05)
    _leave_if(stop)


def _wait_for_loader(loader: ProcessId) -> None:
    """It reports and ends by itself; the nodes wait for it so that it does not report their end."""
    deadline = time.monotonic() + LOADER_TIMEOUT_S
    while loader.is_alive and time.monotonic() < deadline:
        time.sleep(0.05)
    loader.send(signal.SIGKILL)
    reap(loader)


def _start_load(request: UpRequest, state: LocalnetState) -> ProcessId:
    command = [*PROGRAM, "localnet", "load", str(request.load)]
    command += ["--dir", str(state.directory)]
    return ProcessId.of(spawn(command, state.directory / "localnet.load.log"))


def _finish(directory: Path) -> None:
    """Stop what runs, whoever started it, and say so in the state file."""
    with locked(directory):
        try:
            state = load_state(directory)
        except StateDamaged:
            end_processes(find_processes(directory))
            return
        if state is None:
            return
        replace(stop_nodes(state), supervisor=None, partition=()).save()


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[StopSignal]:
    stop = StopSignal()
    before = {
        number: signal.signal(number, stop.request)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
