"""The RPC server: HTTP and WebSocket on one trio listener, every wait and every buffer bounded."""

import ipaddress
from contextlib import ExitStack
from dataclasses import dataclass, replace

import msgspec
import trio
from trio_typing import TaskStatus

from aichain.clock import Clock
from aichain.metrics import Metrics
from aichain.rpc.backend import Backend
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.compression import Compressor
from aichain.rpc.connection_count import ConnectionCount
from aichain.rpc.dispatch import Dispatcher
from aichain.rpc.errors import CallsExceeded, RequestTooLarge, ServerBusy
from aichain.rpc.event_stream import CONTENT_TYPE as EVENT_STREAM
from aichain.rpc.event_stream import PATH as EVENTS
from aichain.rpc.event_stream import EventStream, read_query
from aichain.rpc.http import (
    CONTINUE,
    JSON,
    HttpRefused,
    HttpRequest,
    RequestReader,
    cors_headers,
    host_allowed,
    merge_headers,
    origin_allowed,
    preflight_headers,
    render_response,
    render_stream_head,
    token_allowed,
)
from aichain.rpc.jsonrpc import NULL_ID, Batch, Item, render_error
from aichain.rpc.methods import build_registry
from aichain.rpc.methods.discovery import DISCOVER
from aichain.rpc.methods.heartbeats import HeartbeatDesk
from aichain.rpc.pages import Page, render_page
from aichain.rpc.registry import Context, Registry, Subscriber
from aichain.rpc.settings import RpcSettings
from aichain.rpc.subscriptions import Hub
from aichain.rpc.unix_socket import listening_at
from aichain.rpc.unsent import UnsentAnswers
from aichain.rpc.websocket import READ_BYTES, WebSocketSession, accept_upgrade

OPEN_PATHS = frozenset({"/health", "/ready"})
"""Probes have no tokens."""
LOCAL_CALLER = "local"
"""Whoever may open the unix socket shares one budget."""
RPC_PATHS = frozenset({"/", "/rpc", "/ws"})
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class _Door:
    """Where callers come in, and what they find there."""

    registry: Registry
    dispatcher: Dispatcher
    is_local: bool
    """The mode of a file keeps others out, so neither names nor tokens are asked for."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """One connection as the routes see it."""

    stream: trio.SocketStream
    address: str
    door: "_Door"


class RpcServer:
    """`await nursery.start(server.run)` gives the bound (host, port); cancel to stop."""

    def __init__(
        self, backend: Backend, settings: RpcSettings, metrics: Metrics, clock: Clock
    ) -> None:
        limits = settings.limits
        self._backend = backend
        self._settings = settings
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self.context = Context(backend, clock)
        """What the methods are given."""
        fleet = settings.fleet
        self._fleet = None if fleet is None else HeartbeatDesk(fleet)
        self._public = self._door(admin=False)
        self._local = self._door(admin=True)
        self._budget = CallBudget(limits)
        self._connections = ConnectionCount(limits)
        self._unsent = UnsentAnswers(limits)
        self._compressor = Compressor()
        self._turned_away = trio.Semaphore(limits.refusals_at_once)
        self._hub = Hub(backend)
        self._hub.add(self.context.filters)

    def _door(self, *, admin: bool) -> _Door:
        registry = build_registry(
            faults_enabled=self._settings.faults, admin=admin, fleet=self._fleet
        )
        return _Door(registry, Dispatcher(registry, self._metrics, self._limits), is_local=admin)

    async def run(
        self, *, task_status: TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen and serve until cancelled. OSError when the address cannot be had."""
        listeners = await trio.open_tcp_listeners(self._settings.port, host=self._settings.host)
        name = listeners[0].socket.getsockname()
        with ExitStack() as stack:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hub.run)
                if self._settings.socket is not None:
                    local = stack.enter_context(listening_at(self._settings.socket))
                    nursery.start_soon(trio.serve_listeners, self._serve_local, [local])
                task_status.started((name[0], name[1]))
                await trio.serve_listeners(self._serve, listeners, handler_nursery=nursery)

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            address = _peer_address(stream)
        except OSError:
            await trio.aclose_forcefully(stream)
            return
        await self._serve_caller(_Caller(stream, address, self._public))

    async def _serve_local(self, stream: trio.SocketStream) -> None:
        await self._serve_caller(_Caller(stream, LOCAL_CALLER, self._local))

    async def _serve_caller(self, caller: _Caller) -> None:
        stream, address = caller.stream, caller.address
        if not self._connections.open(address):
            await self._turn_away(stream)
            return
        self._metrics.rpc_connections_are(self._connections.total)
        try:
            await self._serve_requests(caller)
        except HttpRefused as refused:
            await self._refuse(stream, refused)
        except _GONE:
            pass
        finally:
            self._connections.close(address)
            self._metrics.rpc_connections_are(self._connections.total)
            await trio.aclose_forcefully(stream)

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        """Say that there are too many; where many come at once, most are closed without a word:
        each socket that lingers is a file the store may need to open."""
        try:
            self._turned_away.acquire_nowait()
        except trio.WouldBlock:
            self._metrics.rpc_refused("http_503")
            await trio.aclose_forcefully(stream)
            return
        try:
            await self._refuse(stream, HttpRefused(503, "too many connections"))
        finally:
            self._turned_away.release()

    async def _serve_requests(self, caller: _Caller) -> None:
        """Requests of one connection in their order; pipelined ones wait for each other."""
        reader = RequestReader(self._limits)
        began_s = trio.current_time()
        told_to_continue = False
        while True:
            if reader.in_request:
                deadline_s = began_s + self._limits.read_timeout_s
            else:
                began_s, told_to_continue = trio.current_time(), False
                deadline_s = began_s + self._limits.idle_timeout_s
            data = b""
            with trio.move_on_at(deadline_s) as scope:
                data = bytes(await caller.stream.receive_some(READ_BYTES))
            if scope.cancelled_caught and reader.in_request:
                raise HttpRefused(408, "the request took too long")
            if not data:
                return
            if not reader.in_request:
                began_s = trio.current_time()
            for request in reader.feed(data):
                if not await self._serve_request(caller, request):
                    return
            if reader.awaits_continue and not told_to_continue:
                told_to_continue = True
                await self._send(caller.stream, CONTINUE)

    async def _serve_request(self, caller: _Caller, request: HttpRequest) -> bool:
        """Answer one request; False ends the connection."""
        if not caller.door.is_local:
            self._admit(request)
        wait_s = self._budget.take(caller.address, 1, trio.current_time())
        if wait_s:
            response = self._too_many(wait_s, request)
        elif request.is_websocket and request.path in RPC_PATHS:
            await self._serve_websocket(caller, request)
            return False
        elif request.method == "GET" and request.path == EVENTS:
            await self._serve_events(caller, request)
            return False
        else:
            response = await self._respond(caller, request)
        await self._send(caller.stream, response)
        return request.keep_alive

    def _admit(self, request: HttpRequest) -> None:
        """Raises HttpRefused where the listener's settings keep this caller out."""
        if not host_allowed(request.host, self._settings.hosts):
            raise HttpRefused(421, "this host name is not served here (rpc hosts)")
        origin = request.headers.get("origin")
        if not origin_allowed(origin, request.host, self._settings.origins):
            raise HttpRefused(403, "this origin may not call (rpc cors)")
        is_open = request.method == "OPTIONS" or request.path in OPEN_PATHS
        given = request.headers.get("authorization", "")
        if not is_open and not token_allowed(given, self._settings.tokens):
            raise HttpRefused(401, "send Authorization: Bearer and a token of this node")

    async def _respond(self, caller: _Caller, request: HttpRequest) -> bytes:
        origin = request.headers.get("origin")
        match request.method:
            case "OPTIONS":
                return render_response(
                    204, keep_alive=request.keep_alive, headers=preflight_headers(origin)
                )
            case "POST" if request.path in RPC_PATHS:
                return await self._respond_to_calls(caller, request)
            case "GET":
                page = await self._page(caller, request.path)
                return await self._render(request, page.status, page.body, page.content_type)
            case "POST":
                raise HttpRefused(404, "JSON-RPC is at /")
            case _:
                raise HttpRefused(405, "GET, POST and OPTIONS are served")

    async def _page(self, caller: _Caller, path: str) -> Page:
        if path == "/openrpc.json":
            document = await caller.door.registry.find(DISCOVER).call(self.context, b"")
            return Page(200, JSON, msgspec.json.encode(document))
        ready_within_ms = self._settings.ready_within_ms
        return render_page(path, self._backend, self._clock.now_ms(), ready_within_ms)

    async def _respond_to_calls(self, caller: _Caller, request: HttpRequest) -> bytes:
        # A page may send text/plain anywhere without asking the server first; JSON it may not.
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "application/json-rpc", "application/jsonrequest"):
            raise HttpRefused(415, "send JSON-RPC as content-type: application/json")
        if self._unsent.is_full:
            raise HttpRefused(503, "too many answers wait for their readers")
        dispatcher = caller.door.dispatcher
        parsed = dispatcher.parse(request.body)
        wait_s = self._take_batch(caller.address, parsed)
        if wait_s:
            return self._too_many(wait_s, request)
        body = await dispatcher.answer(parsed, self.context)
        if body is None:
            headers = cors_headers(request.headers.get("origin"))
            return render_response(204, keep_alive=request.keep_alive, headers=headers)
        return await self._render(request, 200, body, JSON)

    async def _render(
        self, request: HttpRequest, status: int, body: bytes, content_type: str
    ) -> bytes:
        accepted = request.headers.get("accept-encoding", "")
        body, headers = await self._compressor.compress(body, accepted)
        allowed = cors_headers(request.headers.get("origin"))
        return render_response(
            status,
            body,
            content_type=content_type,
            keep_alive=request.keep_alive,
            headers=merge_headers(allowed, headers),
        )

    def _take_batch(self, address: str, parsed: Item | Batch) -> float:
        """Pay for the calls of a batch; its first one was paid for when it came."""
        if not isinstance(parsed, Batch) or len(parsed.items) == 1:
            return 0.0
        return self._budget.take(address, len(parsed.items) - 1, trio.current_time())

    def _too_many(self, wait_s: float, request: HttpRequest) -> bytes:
        error = CallsExceeded(retry_ms=int(wait_s * 1000) + 1)
        self._metrics.rpc_refused(error.code)
        headers = {"retry-after": str(int(wait_s) + 1)}
        headers |= cors_headers(request.headers.get("origin"))
        body = render_error(NULL_ID, error)
        return render_response(429, body, keep_alive=request.keep_alive, headers=headers)

    async def _serve_websocket(self, caller: _Caller, request: HttpRequest) -> None:
        await self._send(caller.stream, accept_upgrade(request))
        dispatcher = caller.door.dispatcher

        def spend() -> bool:
            return not self._budget.take(caller.address, 1, trio.current_time())

        async def answer(body: bytes, subscriber: Subscriber) -> bytes | None:
            wait_s = self._budget.take(caller.address, 1, trio.current_time())
            if self._unsent.is_full:
                self._metrics.rpc_refused(ServerBusy().code)
                return render_error(NULL_ID, ServerBusy())
            if not wait_s:
                parsed = dispatcher.parse(body)
                wait_s = self._take_batch(caller.address, parsed)
            if wait_s:
                error = CallsExceeded(retry_ms=int(wait_s * 1000) + 1)
                self._metrics.rpc_refused(error.code)
                return render_error(NULL_ID, error)
            context = replace(self.context, subscriber=subscriber)
            return await dispatcher.answer(parsed, context)

        session = WebSocketSession(caller.stream, self._limits, self._unsent, answer, spend)
        self._hub.add(session)
        try:
            await session.run(request.rest)
        finally:
            self._hub.discard(session)
        await self._finish(caller.stream)

    async def _serve_events(self, caller: _Caller, request: HttpRequest) -> None:
        wanted = read_query(request.query, self._limits)
        allowed = cors_headers(request.headers.get("origin"))
        await self._send(caller.stream, render_stream_head(EVENT_STREAM, allowed))
        events = EventStream(caller.stream, self._limits, self._unsent, wanted)
        self._hub.add(events)
        try:
            await events.run()
        finally:
            self._hub.discard(events)

    async def _send(self, stream: trio.SocketStream, data: bytes) -> None:
        with self._unsent.holding(data), trio.move_on_after(self._limits.write_timeout_s) as scope:
            await stream.send_all(data)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read")

    async def _refuse(self, stream: trio.SocketStream, refused: HttpRefused) -> None:
        """Answer and close."""
        self._metrics.rpc_refused(f"http_{refused.status}")
        if refused.status == 413:
            body = render_error(NULL_ID, RequestTooLarge(limit_bytes=self._limits.body_bytes))
        else:
            body = msgspec.json.encode({"error": refused.reason})
        headers = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
        response = render_response(refused.status, body, keep_alive=False, headers=headers)
        await self._finish(stream, response)
        await trio.aclose_forcefully(stream)

    async def _finish(self, stream: trio.SocketStream, last: bytes = b"") -> None:
        """Send what is left and read for a moment what the client still sends: closing a socket
        with unread data resets it, and the client may never see the answer."""
        with trio.move_on_after(self._limits.linger_timeout_s):
            try:
                await stream.send_all(last)
                await stream.send_eof()
                while await stream.receive_some(READ_BYTES):
                    pass
            except _GONE:
                pass


def _peer_address(stream: trio.SocketStream) -> str:
    """The caller's address; of IPv6 the /64, because one customer holds all of that."""
    host = str(stream.socket.getpeername()[0])
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or address.packed[:8].hex())
