"""From a whole request to its response: calls, pages, preflights."""

import msgspec
import trio

from aichain.rpc.errors import CallsExceeded
from aichain.rpc.event_stream import PATH as EVENTS
from aichain.rpc.http import (
    JSON,
    HttpRefused,
    HttpRequest,
    cors_headers,
    merge_headers,
    preflight_headers,
    render_response,
)
from aichain.rpc.jsonrpc import NULL_ID, Batch, Item, render_error
from aichain.rpc.methods.discovery import DISCOVER
from aichain.rpc.pages import render_page
from aichain.rpc.shared import Caller, Shared
from aichain.rpc.site import Site, SiteAnswer
from aichain.rpc.validation import PATHS as VALIDATION_PATHS
from aichain.rpc.validation import ValidationPages

RPC_PATHS = frozenset({"/", "/rpc", "/ws"})
OWN_PATHS = VALIDATION_PATHS | {"/health", "/ready", "/metrics", "/openrpc.json", EVENTS}
"""What the server answers itself, whatever site it has."""
_JSON_TYPES = frozenset({JSON, "application/json-rpc", "application/jsonrequest"})


class Routes:
    """Answers requests that were let in and paid for."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._validation = ValidationPages(shared.backend, shared.clock)

    async def respond(self, caller: Caller, request: HttpRequest) -> bytes:
        """The response's bytes. HttpRefused ends the connection."""
        match request.method:
            case "POST" if request.path in RPC_PATHS:
                return await self._respond_to_calls(caller, request)
            case "OPTIONS":
                headers = preflight_headers(request.headers.get("origin"))
                return render_response(204, keep_alive=request.keep_alive, headers=headers)
            case "GET" | "HEAD":
                return await self._render(request, await self._page(caller, request.path))
            case "POST":
                raise HttpRefused(404, "JSON-RPC is at /")
            case _:
                raise HttpRefused(405, "GET, HEAD, POST and OPTIONS are served")

    def site_of(self, request: HttpRequest) -> Site | None:
        """The site, where this request is one for it."""
        is_visit = request.method in ("GET", "HEAD") and not request.is_websocket
        site = self._shared.site
        if not is_visit or site is None or request.path in OWN_PATHS:
            return None
        return site if site.serves(request) else None

    async def visit(self, caller: Caller, site: Site, request: HttpRequest, wait_s: float) -> bytes:
        """What the site answers; it says itself that a caller has to wait."""
        if self._shared.unsent.is_full:
            raise HttpRefused(503, "too many answers wait for their readers")
        answer = await site.answer(request, caller.context, wait_s)
        return await self._render(request, answer)

    def too_many(self, wait_s: float, request: HttpRequest) -> bytes:
        """What a caller is told whose budget is spent."""
        error = CallsExceeded(retry_ms=int(wait_s * 1000) + 1)
        self._shared.metrics.rpc_refused(error.code)
        headers = {"retry-after": str(int(wait_s) + 1)}
        headers |= cors_headers(request.headers.get("origin"))
        body = render_error(NULL_ID, error)
        return render_response(429, body, keep_alive=request.keep_alive, headers=headers)

    def take_batch(self, address: str, parsed: Item | Batch) -> float:
        """Pay for the calls of a batch; its first one was paid for when it came."""
        if not isinstance(parsed, Batch) or len(parsed.items) == 1:
            return 0.0
        return self._shared.budget.take(address, len(parsed.items) - 1, trio.current_time())

    async def _page(self, caller: Caller, path: str) -> SiteAnswer:
        shared = self._shared
        if path == "/openrpc.json":
            document = await caller.door.registry.find(DISCOVER).call(caller.context, b"")
            return SiteAnswer(200, JSON, msgspec.json.encode(document))
        if path in VALIDATION_PATHS:
            return await self._validation.page(path)
        ready_within_ms = shared.settings.ready_within_ms
        return render_page(path, shared.backend, shared.clock.now_ms(), ready_within_ms)

    async def _respond_to_calls(self, caller: Caller, request: HttpRequest) -> bytes:
        # A page may send text/plain anywhere without asking the server first; JSON it may not.
        kind = request.headers.get("content-type", "")
        if kind != JSON and kind.partition(";")[0].strip().lower() not in _JSON_TYPES:
            raise HttpRefused(415, "send JSON-RPC as content-type: application/json")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HttpRefused(415, "send JSON-RPC as it is, without a content-encoding")
        if self._shared.unsent.is_full:
            raise HttpRefused(503, "too many answers wait for their readers")
        dispatcher = caller.door.dispatcher
        parsed = dispatcher.parse(request.body)
        wait_s = self.take_batch(caller.address, parsed)
        if wait_s:
            return self.too_many(wait_s, request)
        body = await dispatcher.answer(parsed, caller.context)
        if body is None:
            headers = cors_headers(request.headers.get("origin"))
            return render_response(204, keep_alive=request.keep_alive, headers=headers)
        return await self._render(request, SiteAnswer(200, JSON, body))

    async def _render(self, request: HttpRequest, answer: SiteAnswer) -> bytes:
        accepted = request.headers.get("accept-encoding", "")
        body, headers = await self._shared.compressor.compress(answer.body, accepted)
        allowed = cors_headers(request.headers.get("origin"))
        if allowed or answer.headers:
            headers = merge_headers(merge_headers(allowed, headers), answer.headers)
        return render_response(
            answer.status,
            body,
            content_type=answer.content_type,
            keep_alive=request.keep_alive,
            headers=headers,
            head_only=request.method == "HEAD",
        )
