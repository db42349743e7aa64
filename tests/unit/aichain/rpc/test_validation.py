"""The public figures: what they say, how often they are made, and that nobody needs a token."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import trio

from aichain.rpc.backend import Attendance, Uptime
from aichain.rpc.validation import (
    FRESH_MS,
    READ_AT_ONCE,
    BlockPace,
    ValidationPages,
    figures_of,
    render_html,
)
from genesis.units import Address
from tests.clocks import FixedClock
from tests.unit.aichain.rpc.fake_backend import FakeBackend
from tests.unit.aichain.rpc.serving import NOW_MS, served

UPTIME = Uptime(
    1,
    10,
    9,
    (
        Attendance(Address(b"\1" * 20), proposed=6, missed=0, signed=9, certificates=9),
        Attendance(Address(b"\2" * 20), proposed=3, missed=1, signed=3, certificates=9),
        Attendance(Address(b"\3" * 20), proposed=0, missed=2, signed=0, certificates=9),
    ),
)
BLOCKS = [BlockPace(height, 500 * height, 500 * height + 10 * height, 3) for height in range(1, 11)]


def test_figures_of_validators_and_blocks() -> None:
    status = replace(FakeBackend().status(), finalized_at_ms=NOW_MS - 300)
    found = figures_of(status, UPTIME, BLOCKS, NOW_MS)
    assert (found.validators_active, found.validators_total) == (2, 3)
    assert found.uptime_permille == 750, "nine of twelve turns"
    assert [each.signed_permille for each in found.validators] == [1000, 333, 0]
    assert (found.block_interval_ms, found.finality_ms, found.finality_worst_ms) == (500, 55, 100)
    assert found.transactions_per_minute == 360
    assert (found.window_blocks, found.finalized_ago_ms) == (10, 300)


def test_a_chain_that_has_only_begun_says_nothing_that_it_does_not_know() -> None:
    found = figures_of(FakeBackend().status(), Uptime(1, 0, 0, ()), [], NOW_MS)
    assert (found.uptime_permille, found.block_interval_ms, found.finality_ms) == (None, None, None)
    assert (found.transactions_per_minute, found.window_blocks) == (0, 0)
    assert "-" in render_html(found)


async def test_they_are_made_once_in_two_seconds_and_read_new_blocks_only() -> None:
    backend, clock = FakeBackend(), FixedClock(NOW_MS)
    pages = ValidationPages(backend, clock)
    for _ in range(READ_AT_ONCE + 5):
        backend.extend()
    first = await pages.page("/validation.json")
    assert len(pages._blocks) == READ_AT_ONCE
    backend.extend()
    assert await pages.page("/validation.json") == first
    assert len(backend.windows) == 1
    clock.advance(FRESH_MS)
    assert json.loads((await pages.page("/validation.json")).body)["height"] == READ_AT_ONCE + 6
    assert len(pages._blocks) == READ_AT_ONCE + 1


async def test_many_at_a_time_get_the_same() -> None:
    backend = FakeBackend()
    pages, bodies = ValidationPages(backend, FixedClock(NOW_MS)), set[bytes]()
    for _ in range(5):
        backend.extend([backend.transfer()])

    async def ask() -> None:
        bodies.add((await pages.page("/validation.json")).body)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert len(bodies) == 1
    assert [each.height for each in pages._blocks] == [1, 2, 3, 4, 5]


async def test_everybody_may_see_them_also_where_calls_need_a_token() -> None:
    async with served(tokens=(b"0123456789abcdef",)) as node:
        lines = "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        shown = await node.exchange(lines.format("/validation.json").encode())
        page = await node.exchange(lines.format("/validation").encode())
        refused = await node.exchange(lines.format("/metrics").encode())
    assert (shown.status, page.status, refused.status) == (200, 200, 401)
    assert shown.headers["content-type"].startswith("application/json")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert json.loads(shown.body)["height"] == 2


def test_the_page_runs_nothing_and_loads_nothing() -> None:
    found = figures_of(replace(FakeBackend().status(), network="<script>x"), UPTIME, BLOCKS, NOW_MS)
    text = render_html(found)
    tags = set[str]()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.add(tag)

    Tags().feed(text)
    assert not tags & {"script", "img", "link", "iframe"}
    assert "&lt;script&gt;x" in text
    assert "2 of 3" in text
