"""One client's connection: its requests in their order, each wait and each buffer bounded."""

import math
from dataclasses import replace

import msgspec
import trio

from aichain.rpc.admission import Admission
from aichain.rpc.client_socket import ClientSocket
from aichain.rpc.errors import CallsExceeded, RequestTooLarge, ServerBusy
from aichain.rpc.event_stream import CONTENT_TYPE as EVENT_STREAM
from aichain.rpc.event_stream import PATH as EVENTS
from aichain.rpc.event_stream import EventStream, read_query
from aichain.rpc.http import (
    CONTINUE,
    HttpRefused,
    HttpRequest,
    RequestReader,
    cors_headers,
    render_response,
    render_stream_head,
)
from aichain.rpc.jsonrpc import NULL_ID, render_error
from aichain.rpc.registry import Subscriber
from aichain.rpc.routes import RPC_PATHS, Routes
from aichain.rpc.shared import Caller, Shared
from aichain.rpc.websocket import READ_BYTES, WebSocketSession, accept_upgrade

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
_SLACK = 0.02
"""An idle connection may be closed by this part of its time too early: a deadline that moves with
every request costs as much as a small call."""


class HttpConnection:
    """Serves one socket until either side ends it."""

    def __init__(
        self, socket: ClientSocket, caller: Caller, shared: Shared, routes: Routes
    ) -> None:
        self._socket = socket
        self._caller = caller
        self._shared = shared
        self._routes = routes
        self._limits = shared.limits
        self._admission = Admission(shared.settings)
        self._reader = RequestReader(shared.limits)
        self._answer_s = shared.limits.call_timeout_s + shared.limits.write_timeout_s
        self._scope = trio.CancelScope()
        """Its deadline is that of the read that is waited for."""

    async def run(self) -> None:
        """The socket is left open: whoever accepted it closes it."""
        try:
            with self._scope:
                last = await self._serve_requests()
            if self._scope.cancelled_caught:
                if self._reader.in_request:
                    raise HttpRefused(408, "the request took too long")
            elif last is not None:
                await self._serve_stream(last)
        except HttpRefused as refused:
            await refuse(self._socket, refused, self._shared)
        except _GONE:
            return

    async def _serve_requests(self) -> HttpRequest | None:
        """Until the connection ends; or the request for a stream, which it belongs to then."""
        reader, scope = self._reader, self._scope
        told_to_continue = False
        began_s = trio.current_time()
        while True:
            self._bound_read(began_s)
            data = await self._socket.receive_some(READ_BYTES)
            now_s = trio.current_time()
            if not data:
                return None
            if now_s >= scope.deadline:
                scope.cancel()
                await trio.lowlevel.checkpoint()
            if not reader.in_request:
                began_s, told_to_continue = now_s, False
            for place, request in enumerate(reader.feed(data)):
                if place:  # consensus shares this thread, and one read may bring hundreds
                    await trio.lowlevel.checkpoint()
                    now_s = trio.current_time()
                if not self._caller.door.is_local:
                    self._admission.require(request)
                if not await self._serve_request(request, now_s):
                    return request if _is_stream(request) else None
            if reader.awaits_continue and not told_to_continue:
                told_to_continue = True
                await self._send(CONTINUE)

    def _bound_read(self, began_s: float) -> None:
        """A request has its time from its first byte on; between two, a connection may idle."""
        scope, idle_s = self._scope, self._limits.idle_timeout_s
        now_s = trio.current_time()
        if self._reader.in_request:
            scope.deadline = began_s + self._limits.read_timeout_s
        elif not (1 - _SLACK) * idle_s <= scope.deadline - now_s <= idle_s:
            scope.deadline = now_s + idle_s

    async def _serve_request(self, request: HttpRequest, now_s: float) -> bool:
        """Answer one request; False ends the requests of this connection."""
        site = self._routes.site_of(request)
        cost = 1 if site is None else site.cost(request)
        wait_s = self._shared.budget.take(self._caller.address, cost, now_s)
        if wait_s and site is None:
            response = self._routes.too_many(wait_s, request)
        elif _is_stream(request):
            return False
        else:
            if self._scope.deadline < now_s + self._answer_s:
                self._scope.deadline = math.inf  # answering has limits of its own
            if site is None:
                response = await self._routes.respond(self._caller, request)
            else:
                response = await self._routes.visit(self._caller, site, request, wait_s)
        await self._send(response)
        return request.keep_alive

    async def _serve_stream(self, request: HttpRequest) -> None:
        if request.is_websocket:
            await self._serve_websocket(request)
        else:
            await self._serve_events(request)

    async def _serve_websocket(self, request: HttpRequest) -> None:
        await self._send(accept_upgrade(request))
        shared, address = self._shared, self._caller.address
        dispatcher = self._caller.door.dispatcher

        def spend() -> bool:
            return not shared.budget.take(address, 1, trio.current_time())

        async def answer(body: bytes, subscriber: Subscriber) -> bytes | None:
            wait_s = shared.budget.take(address, 1, trio.current_time())
            if shared.unsent.is_full:
                shared.metrics.rpc_refused(ServerBusy().code)
                return render_error(NULL_ID, ServerBusy())
            if not wait_s:
                parsed = dispatcher.parse(body)
                wait_s = self._routes.take_batch(address, parsed)
            if wait_s:
                error = CallsExceeded(retry_ms=int(wait_s * 1000) + 1)
                shared.metrics.rpc_refused(error.code)
                return render_error(NULL_ID, error)
            context = replace(self._caller.context, subscriber=subscriber)
            return await dispatcher.answer(parsed, context)

        session = WebSocketSession(self._socket, self._limits, shared.unsent, answer, spend)
        shared.hub.add(session)
        try:
            await session.run(request.rest)
        finally:
            shared.hub.discard(session)
        await finish(self._socket, self._limits.linger_timeout_s)

    async def _serve_events(self, request: HttpRequest) -> None:
        wanted = read_query(request.query, self._limits)
        allowed = cors_headers(request.headers.get("origin"))
        await self._send(render_stream_head(EVENT_STREAM, allowed))
        events = EventStream(self._socket, self._limits, self._shared.unsent, wanted)
        self._shared.hub.add(events)
        try:
            await events.run()
        finally:
            self._shared.hub.discard(events)

    async def _send(self, data: bytes) -> None:
        sent = self._socket.send_now(data)
        if sent == len(data):
            return
        self._scope.deadline = math.inf
        rest = data[sent:]
        write_timeout_s = self._limits.write_timeout_s
        with self._shared.unsent.holding(rest), trio.move_on_after(write_timeout_s) as scope:
            await self._socket.send_all(rest)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read")


def _is_stream(request: HttpRequest) -> bool:
    """Whether the connection belongs to this request from here on."""
    if request.is_websocket and request.path in RPC_PATHS:
        return True
    return request.method == "GET" and request.path == EVENTS


async def refuse(socket: ClientSocket, refused: HttpRefused, shared: Shared) -> None:
    """Say why, and that no more is read."""
    shared.metrics.rpc_refused(f"http_{refused.status}")
    if refused.status == 413:
        body = render_error(NULL_ID, RequestTooLarge(limit_bytes=shared.limits.body_bytes))
    else:
        body = msgspec.json.encode({"error": refused.reason})
    headers = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
    response = render_response(refused.status, body, keep_alive=False, headers=headers)
    await finish(socket, shared.limits.linger_timeout_s, response)


async def finish(socket: ClientSocket, linger_timeout_s: float, last: bytes = b"") -> None:
    """Send what is left and read for a moment what the client still sends: closing a socket
    with unread data resets it, and the client may never see the answer."""
    with trio.move_on_after(linger_timeout_s):
        try:
            await socket.send_all(last)
            await socket.send_eof()
            while await socket.receive_some(READ_BYTES):
                pass
        except _GONE:
            pass
