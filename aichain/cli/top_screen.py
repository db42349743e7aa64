"""The screen of `aichain node top`, from figures alone: it fits 80 columns and 24 lines."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

from rich.console import Group
from rich.table import Table
from rich.text import Text

from aichain.cli.top_samples import BlockFigures, NodeFigures, PeerFigures
from aichain.rpc.block_pace import finality_delays, pace_of
from aichain.sizes import show_size
from genesis.limits import INDEX_BATCH_BLOCKS

T = TypeVar("T")

BARS: Final = "▁▂▃▄▅▆▇█"
KEYS: Final = "q quits   p pauses"
CHART: Final = 40
ID_LETTERS: Final = 20
LINE: Final = 79
GOOD_VOTES: Final = ("yes", "notValidator")


def render_top(nodes: Sequence[NodeFigures], height: int, *, is_paused: bool) -> Group:
    """At most `height` lines, whatever the fleet's size; `nodes` are in the registry's order."""
    best = max(nodes, key=lambda each: (not each.silence, each.height))
    head = [*_head(best), Text("")]
    foot = [Text(f"{KEYS}{'   PAUSED' if is_paused else ''}", style="dim")]
    troubles = _troubles(nodes)[:3]
    room = height - len(head) - len(troubles) - len(foot) - 2
    if len(nodes) == 1:
        peers, rest = _shown(best.neighbours, room)
        table = _peer_table(peers)
    else:
        fleet, rest = _shown(nodes, room)
        table = _node_table(fleet)
    return Group(*head, table, *rest, *troubles, Text(""), *foot)


def _head(best: NodeFigures) -> list[Text]:
    """The chain as the most advanced node sees it."""
    if best.silence:
        return [Text("no node answers", style="bold red")]
    pace = pace_of(best.blocks)
    lines = [
        f"{best.network}  height {best.height}  epoch {best.epoch}  view {best.view}"
        f"  last block {_age(best.finalized_ago_ms)} ago",
        f"every {_ms(pace.interval_ms)}  final in {_ms(pace.finality_ms)}"
        f" (worst {_ms(pace.finality_worst_ms)})  {pace.transactions_per_second or 0:.1f} tx/s"
        f"{_views(best.blocks)}",
        f"mempool {best.mempool} ({show_size(best.mempool_bytes)})  peers {best.peers}"
        f"  votes: {best.voting}  signatures by {best.engine.split(' ')[0]}",
        f"finality {chart(finality_delays(best.blocks))}",
    ]
    if best.is_syncing:
        lines.append(f"sync {_sync(best)}")
    indexed = best.indexed_height
    if indexed is not None and best.height - indexed > INDEX_BATCH_BLOCKS:
        lines.append(f"index accounts of {_part(indexed, best.height)}")
    return [Text(line[:LINE], style="" if at else "bold") for at, line in enumerate(lines)]


def chart(values: Sequence[int]) -> str:
    """The last values as bars, each against the largest of them."""
    shown = values[-CHART:]
    most = max(shown, default=0)
    return "".join(BARS[min(7, 8 * max(0, each) // (most + 1))] for each in shown) or "-"


def _shown(rows: Sequence[T], room: int) -> tuple[Sequence[T], list[Text]]:
    """As many rows as fit below a line of headings, and a line for the rest."""
    fit = max(1, room - 1)
    if len(rows) <= fit:
        return rows, []
    return rows[: fit - 1], [Text(f"… and {len(rows) - fit + 1} more", style="dim")]


def _node_table(nodes: Sequence[NodeFigures]) -> Table:
    table = _table("node", "state", "height", "behind", "last block", "peers", "votes", "ms")
    top = max(each.height for each in nodes)
    for each in nodes:
        name = each.name[:ID_LETTERS]
        if each.silence:
            table.add_row(name, "silent", *["-"] * 6, style="red")
            continue
        good = each.voting in GOOD_VOTES and not each.is_syncing and not each.troubles
        table.add_row(
            name,
            "syncing" if each.is_syncing else "running",
            str(each.height),
            str(top - each.height),
            _age(each.finalized_ago_ms),
            str(each.peers),
            each.voting[:12],
            str(each.took_ms),
            style=None if good else "yellow",
        )
    return table


def _peer_table(peers: Sequence[PeerFigures]) -> Table:
    table = _table("peer", "direction", "height", "round trip", "score")
    for each in peers:
        rtt = f"{each.rtt_ms} ms" if each.rtt_ms else "-"
        name = f"…{each.peer_id[-ID_LETTERS:]}"
        table.add_row(name, each.direction, str(each.height), rtt, str(each.score))
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(names):
        words = name in ("state", "votes", "direction") or not at
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    return table


def _troubles(nodes: Sequence[NodeFigures]) -> list[Text]:
    told = [(each.name, why) for each in nodes for why in (each.silence, *each.troubles) if why]
    return [Text(f"{name}: {why}"[:LINE], style="red", no_wrap=True) for name, why in told]


def _sync(node: NodeFigures) -> str:
    if node.snapshot_parts:
        return f"snapshot: part {node.snapshot_part} of {node.snapshot_parts}"
    return _part(node.height, node.target_height)


def _part(height: int, of: int) -> str:
    return f"block {height} of {of} ({100 * height // max(1, of)} %)"


def _views(blocks: Sequence[BlockFigures]) -> str:
    """A new epoch counts its views from one again."""
    views = [later.view - earlier.view for earlier, later in pairwise(blocks)]
    views = [each for each in views if each > 0]
    return f"  {statistics.mean(views):.2f} views a block" if views else ""


def _age(ms: int) -> str:
    if ms < 60_000:
        return f"{ms} ms" if ms < 1_000 else f"{ms / 1000:.1f} s"
    return f"{ms // 60_000} min"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
