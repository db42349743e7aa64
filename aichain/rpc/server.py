"""The RPC server: HTTP and WebSocket on one trio listener, and on a unix socket."""

import ipaddress
from contextlib import ExitStack
from dataclasses import replace

import trio
from trio_typing import TaskStatus

from aichain.clock import Clock
from aichain.metrics import Metrics
from aichain.rpc.backend import Backend
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.client_socket import ClientSocket
from aichain.rpc.connection import HttpConnection, refuse
from aichain.rpc.connection_count import ConnectionCount
from aichain.rpc.dispatch import Dispatcher
from aichain.rpc.http import HttpRefused
from aichain.rpc.methods import build_registry
from aichain.rpc.methods.heartbeats import HeartbeatDesk
from aichain.rpc.registry import Context
from aichain.rpc.routes import Routes
from aichain.rpc.settings import RpcSettings
from aichain.rpc.shared import Caller, Door, Shared
from aichain.rpc.site import Site
from aichain.rpc.subscriptions import Hub
from aichain.rpc.unix_socket import listening_at
from aichain.rpc.unsent import UnsentAnswers

LOCAL_CALLER = "local"
"""Whoever may open the unix socket shares one budget."""


class RpcServer:
    """`await nursery.start(server.run)` gives the bound (host, port); cancel to stop."""

    def __init__(
        self,
        backend: Backend,
        settings: RpcSettings,
        metrics: Metrics,
        clock: Clock,
        site: Site | None = None,
    ) -> None:
        limits = settings.limits
        self.context = Context(backend, clock)
        """What the methods are given; of a connection it also knows whom to charge."""
        self._shared = Shared(
            backend=backend,
            settings=settings,
            metrics=metrics,
            clock=clock,
            budget=CallBudget(limits),
            unsent=UnsentAnswers(limits),
            hub=Hub(backend, self.context.prices),
            site=site,
        )
        self._shared.hub.add(self.context.filters)
        self._routes = Routes(self._shared)
        fleet = settings.fleet
        self._fleet = None if fleet is None else HeartbeatDesk(fleet)
        self._public = self._door(admin=False)
        self._local = self._door(admin=True)
        self._connections = ConnectionCount(limits)
        self._turned_away = trio.Semaphore(limits.refusals_at_once)

    def _door(self, *, admin: bool) -> Door:
        settings = self._shared.settings
        registry = build_registry(faults_enabled=settings.faults, admin=admin, fleet=self._fleet)
        dispatcher = Dispatcher(registry, self._shared.metrics, settings.limits)
        return Door(registry, dispatcher, is_local=admin)

    async def run(
        self, *, task_status: TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen and serve until cancelled. OSError when the address cannot be had."""
        settings = self._shared.settings
        listeners = await trio.open_tcp_listeners(settings.port, host=settings.host)
        name = listeners[0].socket.getsockname()
        with ExitStack() as stack:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._shared.hub.run)
                if self._shared.site is not None:
                    nursery.start_soon(self._shared.site.run)
                if settings.socket is not None:
                    local = stack.enter_context(listening_at(settings.socket))
                    nursery.start_soon(trio.serve_listeners, self._serve_local, [local])
                task_status.started((name[0], name[1]))
                await trio.serve_listeners(self._serve, listeners, handler_nursery=nursery)

    async def _serve(self, stream: trio.SocketStream) -> None:
        socket = ClientSocket(stream)
        try:
            address = _address_of(socket.peer_name())
        except OSError:
            socket.close()
            return
        await self._serve_caller(socket, self._caller(address, self._public))

    async def _serve_local(self, stream: trio.SocketStream) -> None:
        await self._serve_caller(ClientSocket(stream), self._caller(LOCAL_CALLER, self._local))

    def _caller(self, address: str, door: Door) -> Caller:
        def charge(calls: int) -> None:
            self._shared.budget.charge(address, calls, trio.current_time())

        return Caller(address, door, replace(self.context, charge=charge))

    async def _serve_caller(self, socket: ClientSocket, caller: Caller) -> None:
        if not self._connections.open(caller.address):
            await self._turn_away(socket)
            return
        metrics = self._shared.metrics
        metrics.rpc_connections_are(self._connections.total)
        try:
            await HttpConnection(socket, caller, self._shared, self._routes).run()
        finally:
            self._connections.close(caller.address)
            metrics.rpc_connections_are(self._connections.total)
            socket.close()

    async def _turn_away(self, socket: ClientSocket) -> None:
        """Say that there are too many; where many come at once, most are closed without a word:
        each socket that lingers is a file the store may need to open."""
        try:
            self._turned_away.acquire_nowait()
        except trio.WouldBlock:
            self._shared.metrics.rpc_refused("http_503")
            socket.close()
            return
        try:
            await refuse(socket, HttpRefused(503, "too many connections"), self._shared)
        finally:
            self._turned_away.release()
            socket.close()


def _address_of(host: str) -> str:
    """The caller's address; of IPv6 the /64, because one customer holds all of that."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or address.packed[:8].hex())
