"""What a web site has to be for the server to serve it beside JSON-RPC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aichain.rpc.http import HttpRequest
from aichain.rpc.registry import Context


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """What a GET is answered; a HEAD gets the same without the body."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Site(Protocol):
    """Pages for people. It reads what the methods read, and pays as their callers do."""

    def serves(self, request: HttpRequest) -> bool:
        """Whether this GET or HEAD is the site's to answer."""
        ...

    def cost(self, request: HttpRequest) -> int:
        """How many calls the answer is worth, at least one."""
        ...

    async def answer(self, request: HttpRequest, context: Context, wait_s: float) -> SiteAnswer:
        """The page; where the caller has to wait before it gets one, a page that says so."""
        ...

    async def run(self) -> None:
        """What the site does between visits; until the node closes its feeds."""
        ...
