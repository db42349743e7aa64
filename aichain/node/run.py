"""Starts a node, keeps it running, stops it cleanly; what went wrong becomes an exit code."""

import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TextIO, TypeAlias

import trio

from aichain.config import LogFormat, NodeConfig
from aichain.errors import (
    ConfigError,
    ExitCode,
    ListenRefused,
    NodeError,
    SigningRefused,
    StoreFailed,
)
from aichain.logs import LogStyle, configure_logging
from aichain.node.assemble import NetworkFactory
from aichain.node.build import build_node
from aichain.node.engine_timing import time_engines
from aichain.node.joiner import Handover
from aichain.node.progress_watch import ProgressScreen, watch_progress
from aichain.node.services import AnyNode, run_services
from aichain.node.supervisor import Supervisor
from consensus.errors import DoubleSign
from native.backends import select_panel, view_engines
from native.errors import AIChainError
from p2p.errors import ListenFailed
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Network
from p2p.settings import NetworkSettings, NodeIdentity

log = logging.getLogger(__name__)

_Run: TypeAlias = Callable[[AnyNode, Callable[[], None]], Awaitable[Handover]]

_SWITCH_INTERVAL_S = 0.0005
_GARBAGE_EVERY_S = 5.0


def run_node(
    config: NodeConfig,
    network_of: NetworkFactory | None = None,
    *,
    on_ready: Callable[[], None] = lambda: None,
    screen: ProgressScreen | None = None,
) -> int:
    """Run until a signal ends it, or until the node has to stop; the process's exit code.

    `on_ready` is called once the home is found good and locked, before anything listens. `screen`
    shows what the node is behind with; without one the log says it.
    """
    with _log_file(config) as file:
        style = LogStyle.JSON if config.log_format is LogFormat.JSON else LogStyle.HUMAN
        stream = sys.stderr if screen is None else screen.log_stream
        configure_logging(style, config.log_level, stream, file=file)
        try:
            trio.run(serve, config, network_of or libp2p_network, on_ready, screen)
        except NodeError as error:
            return _report(error)
        except BaseExceptionGroup as group:
            expected, bugs = group.split((NodeError, ListenFailed, DoubleSign))
            if expected is None or bugs is not None:
                raise
            return _report(_node_error(expected))
        return ExitCode.OK


async def serve(
    config: NodeConfig,
    network_of: NetworkFactory,
    on_ready: Callable[[], None],
    screen: ProgressScreen | None = None,
) -> None:
    """Assemble and run one node until it is told to stop, be it while it still reads its disk.

    Signals are heard from then on: an impatient second one must not interrupt the end.
    """
    running, supervisor = trio.CancelScope(), Supervisor.of(os.environ)
    _stop_on_signal(running, supervisor)
    with running:
        log.info(
            "signature engines: %s", await trio.to_thread.run_sync(time_engines, select_panel())
        )
        async with trio.open_nursery() as beside:
            beside.start_soon(supervisor.run)  # a node that starts anew is alive while it is built
            await _serve(config, network_of, on_ready, partial(_run_beside, supervisor, screen))
            beside.cancel_scope.cancel()


async def _serve(
    config: NodeConfig,
    network_of: NetworkFactory,
    on_ready: Callable[[], None],
    run: _Run,
) -> None:
    before: Handover | None = None
    while True:  # a node that joined by a snapshot starts anew on that chain
        node = await _build(config, network_of, before)
        before = None  # the tree is the chain's own from here on, which makes new ones of it
        try:
            before = await run(node, on_ready)
        finally:
            log.info("stopped")
        gc.unfreeze()
        on_ready, config = _no_banner, replace(config, sync_again=False)


async def _build(
    config: NodeConfig, network_of: NetworkFactory, before: Handover | None
) -> AnyNode:
    """StoreFailed, too, for a file of the home that this user may not read or write."""
    try:
        return await trio.to_thread.run_sync(partial(build_node, before=before), config, network_of)
    except OSError as error:
        if error.filename is None:
            raise  # no file
        reason = error.strerror or str(error)
        raise StoreFailed(path=str(error.filename), reason=reason) from error


async def _run_beside(
    supervisor: Supervisor,
    screen: ProgressScreen | None,
    node: AnyNode,
    on_ready: Callable[[], None],
) -> Handover:
    """The services, and who watches them."""
    status = node.rpc.context.backend.status
    async with trio.open_nursery() as beside:
        beside.start_soon(_collect_garbage)
        supervisor.status = status

        def started() -> None:
            _tell_start(node, supervisor)
            beside.start_soon(watch_progress, status, screen)

        try:
            handover = await run_services(node, ready=on_ready, started=started)
        finally:
            supervisor.status = None
        beside.cancel_scope.cancel()
        return handover


def _no_banner() -> None:
    """It was shown at the first start."""


def _tell_start(node: AnyNode, supervisor: Supervisor) -> None:
    """The RPC listens now."""
    _tune_interpreter()
    supervisor.tell(READY="1")
    head = node.chain.head.head
    log.info("running at height %d, signatures by %s", head.height, view_engines())


def libp2p_network(identity: NodeIdentity, settings: NetworkSettings) -> Network:
    """The network of a real node."""
    return Libp2pNetwork(identity, settings)


def _stop_on_signal(scope: trio.CancelScope, supervisor: Supervisor) -> None:
    """The handlers stay when trio has gone, and do nothing any more: there is still a log file to
    close, and a home of one run to remove. (`trio.open_signal_receiver` puts the old ones back.)"""
    trio_token = trio.lowlevel.current_trio_token()

    def stop(number: int) -> None:
        log.info("%s: stopping", signal.Signals(number).name)
        supervisor.tell(STOPPING="1")
        scope.cancel()

    def heard(number: int, _frame: object) -> None:
        with suppress(trio.RunFinishedError):
            trio_token.run_sync_soon(stop, number)

    for each in _stop_signals():
        signal.signal(each, heard)


def _stop_signals() -> tuple[signal.Signals, ...]:
    """A closed terminal ends the node too, unless it was started with nohup."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return signal.SIGTERM, signal.SIGINT
    return signal.SIGTERM, signal.SIGINT, signal.SIGHUP


async def _collect_garbage() -> None:
    """Few container objects are made a second, so the collector's own thresholds wait for minutes,
    while cycles of libraries hold whole messages: 10 MB a minute were measured at 20 tx/s."""
    while True:
        await trio.sleep(_GARBAGE_EVERY_S)
        gc.collect()


def _tune_interpreter() -> None:
    """Shorter waits for threads that verify; no collection pauses over start-up objects."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()


@contextmanager
def _log_file(config: NodeConfig) -> Iterator[TextIO | None]:
    if config.log_file is None:
        yield None
        return
    try:
        file = config.log_file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigError(
            reason=f"log.file = {config.log_file} cannot be written: {error.strerror}",
            fix="give a file in a folder that exists",
        ) from None
    try:
        yield file
    finally:
        with suppress(OSError):  # its disk is full: the lines are lost, the exit code is not
            file.close()


def _node_error(group: BaseExceptionGroup[AIChainError]) -> NodeError:
    """The first of the errors that took the nurseries down."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ListenFailed):
        return ListenRefused(address=error.address, reason=error.reason)
    if isinstance(error, DoubleSign):
        return SigningRefused(epoch=error.epoch, view=error.view, reason=error.reason)
    assert isinstance(error, NodeError)
    return error


def _report(error: NodeError) -> int:
    log.error("%s", error)
    fix = getattr(error, "fix", "")
    if fix:
        log.error("fix: %s", fix)
    return error.exit_code
