"""Block interval, finality latency and transactions over the last blocks."""

from aichain.explorer.visit import Page, Visit
from aichain.explorer.window import RecentBlock
from aichain.rpc.block_pace import pace_of
from aichain.rpc.results.result import Count, Result


class Series(Result, frozen=True):
    """Columns of equal length, the oldest block first; `null` where it is not known."""

    heights: list[Count]
    timestamps_ms: list[Count]
    intervals_ms: list[Count | None]
    finality_ms: list[Count | None]
    transactions: list[Count]
    views_skipped: list[Count]


async def charts(visit: Visit) -> Page:
    """Scripts draw what `format=json` gives; a table sums it up without any."""
    blocks = [block for block in visit.window.all() if block.height]
    series = series_of(blocks)
    document = visit.context.backend.head().document
    return Page(
        template="charts.html",
        title="Charts",
        results={"series": series},
        values={
            "pace": pace_of(blocks),
            "rows": [
                ("Block interval", _spread(series.intervals_ms), "ms"),
                ("Finality latency", _spread(series.finality_ms), "ms"),
                ("Transactions in a block", _spread(list(series.transactions)), ""),
            ],
            "first": blocks[0].height if blocks else None,
            "last": blocks[-1].height if blocks else None,
            "block_time_ms": document.consensus.block_time_ms,
        },
    )


def series_of(blocks: list[RecentBlock]) -> Series:
    """An interval is that of neighbours: where blocks are left out there is none."""
    before = [None, *blocks][: len(blocks)]
    pairs = [
        (each, prior if prior is not None and prior.height == each.height - 1 else None)
        for each, prior in zip(blocks, before, strict=True)
    ]
    return Series(
        heights=[each.height for each in blocks],
        timestamps_ms=[each.timestamp_ms for each in blocks],
        intervals_ms=[
            None if prior is None else each.timestamp_ms - prior.timestamp_ms
            for each, prior in pairs
        ],
        finality_ms=[each.finality_ms for each in blocks],
        transactions=[each.transaction_count for each in blocks],
        views_skipped=[
            0 if prior is None or prior.epoch != each.epoch else each.view - prior.view - 1
            for each, prior in pairs
        ],
    )


def _spread(values: list[int | None]) -> tuple[int, int, int, int] | None:
    """Median, 90th and 99th of a hundred, and the worst; None of nothing."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    last = len(known) - 1
    return known[last // 2], known[last * 90 // 100], known[last * 99 // 100], known[last]
