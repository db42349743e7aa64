"""The explorer as a server of pages: refusals, caching, headers, and hostile texts everywhere."""

import html

import pytest

from aichain.errors import StoreCorrupt
from aichain.explorer.formats import amount, exact_amount, memo, short, utc, words
from aichain.explorer.site import ASK_AGAIN, FOR_EVER
from genesis.units import AI
from p2p.network import PeerView
from tests.unit.aichain.explorer.test_pages import addresses
from tests.unit.aichain.explorer.visiting import request, visiting
from tests.unit.aichain.rpc.fake_backend import STRANGER, FakeBackend
from vm.transactions import Transfer

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202e\u2066evil",
    "a\r\nset-cookie: b=c",
    "\x00\x1f\x7f",
    "../../../../etc/passwd",
    "😀" * 16,
]


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_stay_texts_on_every_page(text: str) -> None:
    async with visiting() as visitor:
        raw = quoted(text)
        paths = [
            f"/search?q={raw}",
            f"/{raw}",
            f"/block/{raw}",
            f"/tx/{raw}",
            f"/tx/{raw}/proof",
            f"/address/{raw}",
            f"/address/{raw}/proof",
            f"/certificate/{raw}",
            f"/blocks?before={raw}",
            f"/address/{STRANGER.hex()}?cursor={raw}",
            f"/assets/{raw}",
            f"/?{raw}={raw}",
            f"/supply?format={raw}",
        ]
        for path in paths:
            answer = await visitor.get(path)
            assert answer.status in (200, 303, 400, 404), path
            page = answer.body.decode()
            require_harmless(page)
            if path.startswith("/search"):
                assert text[:12].strip() in html.unescape(page)
            for name, value in answer.headers.items():
                assert not {"\r", "\n", "\x00"} & {*name, *value}, path


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_the_chain_and_peers_say_is_shown_as_text(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting() as visitor:
        written = text.encode()[:64]
        signed = visitor.backend.sign(Transfer(STRANGER, AI, written), account=2)
        await visitor.backend.submit(signed.raw)
        visitor.backend.extend([signed])
        real = visitor.backend.peers

        def peers() -> tuple[PeerView, ...]:
            return tuple(
                PeerView(**{name: getattr(each, name) for name in PeerView.__slots__}
                         | {"agent": text, "address": text})
                for each in real()
            )  # fmt: skip

        monkeypatch.setattr(visitor.backend, "peers", peers)
        visitor.backend.index_trouble = visitor.backend.clock_trouble = text
        paths = [*addresses(visitor).values(), f"/tx/0x{signed.id.hex()}", "/block/4"]
        for path in paths:
            answer = await visitor.get(path)
            assert answer.status == 200, path
            require_harmless(answer.body.decode())
        agent = html.unescape(await visitor.page("/network"))
        assert text in agent


def require_harmless(page: str) -> None:
    """Nothing of a hostile text has become markup, or was taken for a template."""
    lower = page.lower()
    assert "<script>alert" not in lower
    assert "<img" not in lower
    assert "onerror=alert(1)>" not in lower
    assert 'href="javascript' not in lower


async def test_what_is_not_there_has_a_page_that_says_so() -> None:
    async with visiting() as visitor:
        for path in ("/nothing", "/block/99", "/tx/" + "ab" * 32, "/certificate/0", "/block/x"):
            page = await visitor.page(path, 404)
            assert "Nothing here" in page
            assert (await visitor.json(path, 404))["error"]["data"]["code"] == "nothing_here"


async def test_a_damaged_disk_has_a_page_and_the_node_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visiting() as visitor:

        async def damaged(self: FakeBackend, height: int) -> None:
            raise StoreCorrupt(path="segment 0", reason="a checksum")

        monkeypatch.setattr(FakeBackend, "block_at", damaged)
        assert "cannot be read any more" in await visitor.page("/block/1", 500)
        monkeypatch.undo()
        await visitor.page("/block/1")


async def test_a_mistake_in_a_template_costs_one_page_and_no_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with visiting() as visitor:

        def wrong(text: str) -> str:
            raise TypeError("a mistake")

        visitor.site._templates._environment.filters["coins"] = wrong
        assert "The page has a mistake" in await visitor.page("/", 500)
        assert (await visitor.json("/"))["aichain_status"]["height"] == 3
        await visitor.page("/blocks")


async def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    async with visiting() as visitor:
        answer = await visitor.get("/blocks", wait_s=2.5)
        assert (answer.status, answer.headers["retry-after"]) == (429, "3")
        assert b"Too many visits" in answer.body


async def test_pages_cost_as_many_calls_as_they_read() -> None:
    async with visiting() as visitor:
        assert visitor.site.cost(request("/blocks")) > 20
        assert visitor.site.cost(request("/nothing")) == 1
        assert visitor.site.cost(request("/assets/page.js")) == 1


async def test_a_page_that_was_seen_is_not_sent_again() -> None:
    async with visiting() as visitor:
        first = await visitor.get("/block/1")
        assert first.headers["cache-control"] == ASK_AGAIN
        again = await visitor.get("/block/1", if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        other = await visitor.get("/block/2", if_none_match=first.headers["etag"])
        assert other.status == 200


async def test_only_what_is_named_by_its_hash_is_kept_for_ever() -> None:
    """Another chain may have another block 1 at the same address, and a test chain soon does."""
    async with visiting() as visitor:
        views = visitor.backend.views
        final = await visitor.get(f"/block/0x{views[1].block.id.hex()}")
        assert final.headers["cache-control"] == FOR_EVER
        last = await visitor.get(f"/block/0x{views[3].block.id.hex()}")
        assert last.headers["cache-control"] == ASK_AGAIN
        paid = await visitor.get(f"/tx/0x{views[2].block.transactions[0].id.hex()}")
        assert paid.headers["cache-control"] == FOR_EVER


async def test_assets_are_kept_under_the_address_that_names_their_bytes() -> None:
    async with visiting() as visitor:
        page = await visitor.page("/charts")
        found = [each.partition('"')[0] for each in page.split('"/assets/')[1:]]
        assert {each.partition("?")[0] for each in found} == {
            *("icon.svg", "style.css", "page.js", "charts.js", "uplot.js", "uplot.css")
        }
        for each in found:
            answer = await visitor.get(f"/assets/{each}")
            assert (answer.status, answer.headers["cache-control"]) == (200, FOR_EVER)
        plain = await visitor.get("/assets/events.js")
        assert plain.headers["cache-control"] == ASK_AGAIN
        assert plain.content_type == "text/javascript; charset=utf-8"
        for name in ("../site.py", "%2e%2e/site.py", "uplot.LICENSE", "", "nothing.js"):
            assert (await visitor.get(f"/assets/{name}")).status == 404


async def test_every_answer_carries_the_policy() -> None:
    async with visiting() as visitor:
        for path in ("/", "/nothing", "/assets/page.js", "/search?q=1", "/supply?format=json"):
            policy = (await visitor.get(path)).headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "'unsafe" not in policy


async def test_programs_get_the_servers_own_page_at_the_root() -> None:
    async with visiting() as visitor:
        assert visitor.site.serves(request("/"))
        assert not visitor.site.serves(request("/", accept="*/*"))
        assert visitor.site.serves(request("/?format=json", accept="*/*"))


def test_values_are_written_for_people() -> None:
    assert amount("0") == "0"
    assert amount("1") == "<0.000001"
    assert amount(str(1_234_567 * AI + AI // 2)) == "1\u202f234\u202f567.5"
    assert exact_amount("1") == "0.000000000000000001"
    assert exact_amount(str(7 * AI)) == "7"
    assert short("0x" + "ab" * 32, 4) == "0xabab…abab"
    assert utc(0) == "1970-01-01 00:00:00 UTC"
    assert utc(2**62) == f"{2**62} ms"
    assert words("registerValidator") == words("register_validator") == "register validator"


@pytest.mark.parametrize("raw", [b"", b"\xff", b"a\nb", "\u202eabc".encode(), b"\x00"])
def test_a_memo_that_is_no_plain_text_is_shown_as_bytes(raw: bytes) -> None:
    assert memo("0x" + raw.hex()) is None


def test_a_memo_that_is_text_is_read() -> None:
    assert memo("0x" + "für 😀".encode().hex()) == "für 😀"
