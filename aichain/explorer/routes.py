"""The addresses of the explorer, each with its page and with how many calls that reads.

Pages of jobs and of teleports get their files in `pages/`, their lines here, and a group of their
own in the menu of `templates/layout.html`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aichain.explorer.pages.accounts import account, account_proof
from aichain.explorer.pages.blocks import block, blocks, overview
from aichain.explorer.pages.certificates import certificate
from aichain.explorer.pages.charts import charts
from aichain.explorer.pages.coins import rewards, supply
from aichain.explorer.pages.network import network
from aichain.explorer.pages.pool import mempool
from aichain.explorer.pages.search import search
from aichain.explorer.pages.theatre import theatre
from aichain.explorer.pages.transactions import transaction, transaction_proof
from aichain.explorer.pages.validators import validators
from aichain.explorer.visit import Page, Redirect, Visit
from genesis.limits import EXPLORER_ROWS


@dataclass(frozen=True, slots=True)
class Route:
    """`{name}` stands for one part of a path."""

    pattern: str
    page: Callable[[Visit], Awaitable[Page | Redirect]]
    calls: int = 1


ROUTES: Final = (
    Route("/", overview, calls=4),
    Route("/blocks", blocks, calls=EXPLORER_ROWS + 1),
    Route("/block/{block}", block, calls=2),
    Route("/certificate/{height}", certificate, calls=3),
    Route("/tx/{hash}", transaction),
    Route("/tx/{hash}/proof", transaction_proof, calls=2),
    Route("/address/{address}", account, calls=3),
    Route("/address/{address}/proof", account_proof),
    Route("/validators", validators, calls=5),
    Route("/consensus", theatre, calls=3),
    Route("/mempool", mempool, calls=2),
    Route("/supply", supply),
    Route("/rewards", rewards, calls=2),
    Route("/network", network, calls=2),
    Route("/charts", charts),
    Route("/search", search, calls=2),
)
_BY_LENGTH: Final[Mapping[int, tuple[tuple[tuple[str, ...], Route], ...]]] = {
    length: tuple(
        (parts, route)
        for parts, route in ((tuple(each.pattern.split("/")[1:]), each) for each in ROUTES)
        if len(parts) == length
    )
    for length in (1, 2, 3)
}


def find_route(path: str) -> tuple[Route, dict[str, str]] | None:
    """The page at a path, and the parts that its pattern names, still percent-encoded."""
    given = path.split("/")[1:]
    for parts, route in _BY_LENGTH.get(len(given), ()):
        found = _match(parts, given)
        if found is not None:
            return route, found
    return None


def _match(parts: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for part, value in zip(parts, given, strict=True):
        if part.startswith("{") and value:
            found[part[1:-1]] = value
        elif part != value:
            return None
    return found
