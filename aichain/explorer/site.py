"""The explorer as the RPC server sees it: an address in, a page or a refusal out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec
import trio

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.explorer.assets import Asset, Assets, tag_of
from aichain.explorer.errors import (
    NothingHere,
    PageBroken,
    UnreadableQuestion,
    VisitedTooOften,
)
from aichain.explorer.names import Names
from aichain.explorer.refusals import refusal_page
from aichain.explorer.routes import Route, find_route
from aichain.explorer.templates import Templates
from aichain.explorer.visit import Page, Redirect, Visit
from aichain.explorer.window import BlockWindow
from aichain.rpc.backend import Backend
from aichain.rpc.call_budget import CallBudget
from aichain.rpc.errors import HistoryDamaged, TimedOut
from aichain.rpc.http import JSON, HttpRequest
from aichain.rpc.limits import RpcLimits
from aichain.rpc.registry import Context
from aichain.rpc.site import SiteAnswer
from genesis.document import GenesisDocument
from genesis.limits import (
    EXPLORER_CHECKS_BURST,
    EXPLORER_CHECKS_PER_SECOND,
    EXPLORER_QUERY_FIELDS_MAX,
    EXPLORER_QUERY_MAX_CHARS,
    RPC_CALL_TIMEOUT_S,
)
from native.errors import InvalidData

log = logging.getLogger(__name__)

HTML: Final = "text/html; charset=utf-8"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
"""It may be kept, and is asked for again with its tag."""
CHECKS: Final = RpcLimits(
    calls_per_second=EXPLORER_CHECKS_PER_SECOND, burst_calls=EXPLORER_CHECKS_BURST
)
"""Signatures of certificates that visitors may have verified, all of them together."""
ASSETS: Final = "/assets/"
FORMAT: Final = "format"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request read: the page that it is for, and in which form it is wanted."""

    route: Route
    path: Mapping[str, str]
    query: Mapping[str, str]
    json: bool


class Explorer:
    """Implements `aichain.rpc.site.Site`."""

    def __init__(
        self,
        backend: Backend,
        document: GenesisDocument,
        *,
        checks: CallBudget | None = None,
    ) -> None:
        self._network = document.name
        self._names = Names.of(document)
        self._assets = Assets()
        self._templates = Templates(self._names, self._assets)
        self._window = BlockWindow(backend)
        self._checks = CallBudget(CHECKS) if checks is None else checks
        self._threads = trio.CapacityLimiter(1)
        self._trouble = ""

    async def run(self) -> None:
        """Remember the last blocks."""
        await self._window.run()

    def serves(self, request: HttpRequest) -> bool:
        """Everything that people ask for; at `/` programs get the server's own page."""
        if request.path != "/":
            return True
        wants_page = "text/html" in request.headers.get("accept", "")
        return wants_page or FORMAT in request.query

    def cost(self, request: HttpRequest) -> int:
        """What the page reads, in calls."""
        if request.path.startswith(ASSETS):
            return 1
        found = find_route(request.path)
        return found[0].calls if found else 1

    async def answer(self, request: HttpRequest, context: Context, wait_s: float) -> SiteAnswer:
        """A page, its JSON, a style or script, or a page that says what is wrong."""
        if request.path.startswith(ASSETS):
            asset = self._assets.find(request.path.removeprefix(ASSETS))
            if asset is not None:
                return _show_asset(asset, request)
        asked: _Asked | None = None
        try:
            if wait_s:
                raise VisitedTooOften(retry_ms=int(wait_s * 1000) + 1)
            asked = _read(request)
            page = await self._page(asked, context)
            if isinstance(page, Redirect):
                return SiteAnswer(303, HTML, b"", {"location": page.to, **SAFE})
            if asked.json:
                return _tagged(request, JSON, msgspec.json.encode(page.results), lasts=page.lasts)
            body = await self._render(page, request)
        except InvalidData as error:
            if isinstance(error, PageBroken):
                log.error("the page %s is wrong: %s", request.path[:200], error)
            as_json = FORMAT in request.query if asked is None else asked.json
            return await self._refuse(error, request, as_json=as_json)
        return _tagged(request, HTML, body, lasts=page.lasts)

    async def _page(self, asked: _Asked, context: Context) -> Page | Redirect:
        visit = Visit(
            context=context,
            window=self._window,
            names=self._names,
            checks=self._checks,
            path=asked.path,
            query=asked.query,
        )
        with trio.move_on_after(RPC_CALL_TIMEOUT_S):
            try:
                return await asked.route.page(visit)
            except (StoreCorrupt, StoreFailed) as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    log.error("the page %s cannot be made: %s", asked.route.pattern, error)
                    log.error("fix: %s", error.fix)
                raise HistoryDamaged from error
        raise TimedOut(limit_ms=int(RPC_CALL_TIMEOUT_S * 1000))

    async def _render(self, page: Page, request: HttpRequest) -> bytes:
        """In a thread, one page at a time: consensus shares the loop."""
        json_address = _json_address(request)
        return await trio.to_thread.run_sync(
            self._templates.render, page, self._network, json_address, limiter=self._threads
        )

    async def _refuse(
        self, error: InvalidData, request: HttpRequest, *, as_json: bool
    ) -> SiteAnswer:
        page = refusal_page(error)
        headers = dict(SAFE)
        if isinstance(error, VisitedTooOften):
            headers["retry-after"] = str(error.retry_ms // 1000 + 1)
        if as_json:
            return SiteAnswer(page.status, JSON, msgspec.json.encode(page.results), headers)
        return SiteAnswer(page.status, HTML, await self._render(page, request), headers)


def _read(request: HttpRequest) -> _Asked:
    """Raises NothingHere for an address that no page has."""
    found = find_route(request.path)
    if found is None:
        raise NothingHere(
            what="There is no page at this address.",
            fix="Search for a height, a hash, an address or a name, or begin at the overview.",
        )
    route, parts = found
    if len(request.query) > EXPLORER_QUERY_MAX_CHARS:
        raise UnreadableQuestion(what="The question is too long.", fix="Ask for less at once.")
    try:
        pairs = parse_qsl(
            request.query, keep_blank_values=True, max_num_fields=EXPLORER_QUERY_FIELDS_MAX
        )
    except ValueError:
        raise UnreadableQuestion(
            what="There are too many fields after the question mark.", fix="Leave some out."
        ) from None
    query = dict(pairs)
    wanted = query.pop(FORMAT, "html")
    if wanted not in ("html", "json"):
        raise UnreadableQuestion(what="There is no such format.", fix="Ask for format=json.")
    path = {name: unquote(value) for name, value in parts.items()}
    return _Asked(route, path, query, json=wanted == "json")


def _json_address(request: HttpRequest) -> str:
    """The same page as JSON; a query that cannot be read is left out."""
    try:
        pairs = parse_qsl(request.query, max_num_fields=EXPLORER_QUERY_FIELDS_MAX)
    except ValueError:
        pairs = []
    kept = [(name, value) for name, value in pairs if name != FORMAT]
    path = "/" + request.path.lstrip("/")
    return f"{path}?{urlencode([*kept, (FORMAT, 'json')])}"


def _show_asset(asset: Asset, request: HttpRequest) -> SiteAnswer:
    lasts = request.query == f"v={asset.tag}"
    return _tagged(request, asset.content_type, asset.body, lasts=lasts)


def _tagged(request: HttpRequest, content_type: str, body: bytes, *, lasts: bool) -> SiteAnswer:
    """With a tag, and without a body for who has these bytes already (RFC 9110 §13.1.2)."""
    tag = f'W/"{tag_of(body)}"'
    headers = {"etag": tag, "cache-control": FOR_EVER if lasts else ASK_AGAIN, **SAFE}
    if request.path == "/":
        headers["vary"] = "accept"
    given = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    if tag in given or "*" in given:
        return SiteAnswer(304, content_type, b"", headers)
    return SiteAnswer(200, content_type, body, headers)
