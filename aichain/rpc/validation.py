"""`GET /validation.json` and `/validation`: the public figures of a chain, as one node sees it.

They are made at most once in two seconds however many ask, of headers and certificates that are
kept in memory and of a few blocks that are new.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import msgspec

from aichain.clock import Clock
from aichain.rpc.backend import Backend, BlockView, NodeStatus, Uptime
from aichain.rpc.block_pace import pace_of
from aichain.rpc.errors import HistoryPruned
from aichain.rpc.http import JSON
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results.validation import Validation, ValidatorFigures
from aichain.rpc.site import SiteAnswer
from genesis.units import format_address

PATHS: Final = frozenset({"/validation", "/validation.json"})
WINDOW_BLOCKS: Final = 256
PACE_BLOCKS: Final = 120
READ_AT_ONCE: Final = 16
FRESH_MS: Final = 2_000
HTML: Final = "text/html; charset=utf-8"
POLICY: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class BlockPace:
    """What one final block says of speed."""

    height: int
    timestamp_ms: int
    finalized_at_ms: int | None
    transaction_count: int


class ValidationPages:
    """Remembers the last figures, and the pace of the last blocks that were read."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._blocks: deque[BlockPace] = deque(maxlen=PACE_BLOCKS)
        self._last: Validation | None = None

    async def page(self, path: str) -> SiteAnswer:
        """One of PATHS."""
        found = await self._figures()
        if path.endswith(".json"):
            return SiteAnswer(200, JSON, msgspec.json.encode(found))
        return SiteAnswer(200, HTML, render_html(found).encode(), POLICY)

    async def _figures(self) -> Validation:
        now_ms, last = self._clock.now_ms(), self._last
        if last is not None and 0 <= now_ms - last.now_ms < FRESH_MS:
            return last
        status = self._backend.status()
        await self._read_blocks(status.height)
        uptime = await self._backend.uptime(WINDOW_BLOCKS)
        self._last = figures_of(status, uptime, tuple(self._blocks), now_ms)
        return self._last

    async def _read_blocks(self, head: int) -> None:
        """The newest ones that were not read yet: of a longer gap only its end."""
        known = self._blocks[-1].height if self._blocks else 0
        first = max(1, known + 1, head - READ_AT_ONCE + 1)
        if first > known + 1:
            self._blocks.clear()
        for height in range(first, head + 1):
            try:
                view = await self._backend.block_at(height)
            except HistoryPruned:
                continue
            newest = self._blocks[-1].height if self._blocks else 0
            if view is not None and height > newest:  # another caller may have been faster
                self._blocks.append(_pace_of(view))


def figures_of(
    status: NodeStatus, uptime: Uptime, blocks: Sequence[BlockPace], now_ms: int
) -> Validation:
    """Pure: what these say together."""
    pace = pace_of(blocks)
    validators = [
        ValidatorFigures(
            address=format_address(each.address),
            active=bool(each.signed or each.proposed),
            proposed=each.proposed,
            missed=each.missed,
            signed_permille=1000 * each.signed // each.certificates if each.certificates else None,
        )
        for each in uptime.validators
    ]
    proposed = sum(each.proposed for each in validators)
    turns = proposed + sum(each.missed for each in validators)
    return Validation(
        network=status.network,
        chain_id=status.network_id,
        genesis_hash=show_bytes(status.genesis_hash),
        version=status.version,
        now_ms=now_ms,
        height=status.height,
        finalized_ago_ms=max(0, now_ms - status.finalized_at_ms),
        syncing=status.syncing,
        connected_peers=status.peers,
        validators_total=len(validators),
        validators_active=sum(each.active for each in validators),
        uptime_permille=1000 * proposed // turns if turns else None,
        window_blocks=max(0, uptime.last_height - uptime.first_height + 1),
        block_interval_ms=_whole(pace.interval_ms),
        finality_ms=_whole(pace.finality_ms),
        finality_worst_ms=pace.finality_worst_ms,
        transactions_per_minute=round(60 * (pace.transactions_per_second or 0)),
        validators=validators,
    )


def render_html(found: Validation) -> str:
    """A page without scripts, with nothing from elsewhere; it comes anew each ten seconds."""
    facts = {
        "Height": str(found.height),
        "Last block": f"{found.finalized_ago_ms / 1000:.1f} s ago",
        "Active validators": f"{found.validators_active} of {found.validators_total}",
        "Uptime": _percent(found.uptime_permille),
        "Block every": _ms(found.block_interval_ms),
        "Final in": f"{_ms(found.finality_ms)}, worst {_ms(found.finality_worst_ms)}",
        "Throughput": f"{found.transactions_per_minute / 60:.1f} transactions/s",
        "Peers of this node": str(found.connected_peers),
    }
    terms = "".join(f"<dt>{escape(name)}<dd>{escape(text)}" for name, text in facts.items())
    rows = "".join(
        f"<tr><td>{each.address}<td>{'yes' if each.active else 'no'}<td>{each.proposed}"
        f"<td>{each.missed}<td>{_percent(each.signed_permille)}"
        for each in found.validators
    )
    title = f"{escape(found.network)}: validation"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="refresh" content="10">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><dl>{terms}</dl>"
        f"<table><caption>Validators over the last {found.window_blocks} blocks</caption>"
        "<tr><th scope=col>Address<th scope=col>Active<th scope=col>Proposed<th scope=col>Missed"
        f"<th scope=col>Signed{rows}</table>"
        f"<p>AI-Chain {escape(found.version)}, genesis {found.genesis_hash}. "
        'The same as <a href="/validation.json">JSON</a>.</p></html>'
    )


_STYLE: Final = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{max-width:60rem;margin:auto;padding:1rem;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem}dd{margin:0;font-weight:600}"
    "table{border-collapse:collapse}td,th{padding:.2rem .6rem;text-align:left}"
)


def _pace_of(view: BlockView) -> BlockPace:
    header = view.block.header
    transactions = len(view.block.transactions)
    return BlockPace(header.height, header.timestamp_ms, view.finalized_at_ms, transactions)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _percent(permille: int | None) -> str:
    return "-" if permille is None else f"{permille / 10:.1f} %"


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"
