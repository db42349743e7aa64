"""The explorer in a real browser: each page, what moves on it, and whether everybody can read it.

Pictures of all pages are left in the folder that EXPLORER_PICTURES names.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.integration.explored_nodes import Explored, explored
from tests.interop.npm_clients import JS, npm_clients

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PICTURES: Final = os.environ.get("EXPLORER_PICTURES")
SIZES: Final = {"desktop": (1240, 800), "phone": (390, 844)}
PATIENCE_MS: Final = 60_000
DARK: Final = ("overview", "transaction", "certificate", "validators", "consensus")
"""These have every colour."""
STILL: Final = {"transaction-proof", "account-proof", "founder", "block"}
"""Nothing more is learnt by looking at these in each way."""
PAINTED: Final = """() => new Promise((done) => {
  const look = () => {
    const found = performance.getEntriesByName("first-contentful-paint")[0];
    found ? done(found.startTime) : setTimeout(look, 20);
  };
  look();
})"""


@pytest.fixture(scope="module")
def program() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is here: apt-get install chromium")
    return found


class Looker:
    """A browser, and whatever went wrong in it."""

    def __init__(self, browser: Any, address: str) -> None:
        self._browser = browser
        self._address = address
        self.complaints: list[str] = []

    @contextmanager
    def page(
        self, size: str = "desktop", scheme: str = "light", *, scripts: bool = True
    ) -> Iterator[Any]:
        width, height = SIZES[size]
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", lambda request: self._on_failed(request))
        yield page
        context.close()

    def go(self, page: Any, path: str) -> Any:
        return page.goto(self._address + path)

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location}: {message.text}")

    def _on_failed(self, request: Any) -> None:
        # A stream, or a part that is fetched again, ends with the page that it belongs to.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")


async def look(program: str, node: Explored, see: Callable[[Looker], None]) -> None:
    """In a thread: the browser's library waits as it likes, and the node has to go on."""

    def run() -> None:
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            looker = Looker(browser, node.address)
            see(looker)
            browser.close()
            assert looker.complaints == []

    await trio.to_thread.run_sync(run)


def keep_picture(page: Any, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


async def test_every_page_is_whole_on_a_desk_and_on_a_phone_by_day_and_by_night(
    program: str, tmp_path: Path
) -> None:
    async with explored(tmp_path) as node:
        await trio.sleep(2)
        paths = node.paths()

        def see(looker: Looker) -> None:
            for size, scheme in (("desktop", "light"), ("phone", "dark"), *more_ways()):
                with looker.page(size, scheme) as page:
                    for name, path in paths.items():
                        if size == "phone" and name in STILL and not PICTURES:
                            continue
                        assert looker.go(page, path).status == 200
                        page.wait_for_selector("#pulse:not([hidden])")
                        width = page.evaluate("document.documentElement.scrollWidth")
                        assert width <= SIZES[size][0], f"{name} is {width} wide on a {size}"
                        keep_picture(page, f"{name}-{size}-{scheme}")

        await look(program, node, see)


def more_ways() -> tuple[tuple[str, str], ...]:
    return (("desktop", "dark"), ("phone", "light")) if PICTURES else ()


async def test_blocks_votes_and_verdicts_come_to_pages_that_are_open(
    program: str, tmp_path: Path
) -> None:
    async with explored(tmp_path) as node:

        def see(looker: Looker) -> None:
            with looker.page() as page:
                looker.go(page, "/")
                first = page.inner_text("#live-blocks tr:first-child td")
                page.wait_for_function(
                    "(old) => document.querySelector('#live-blocks td').innerText !== old",
                    arg=first,
                )
                assert page.locator("#live-blocks tr").count() <= 12
                see_theatre(looker, page)
                see_certificate(looker, page, trio.from_thread.run_sync(lambda: node.node.height))
                see_charts(looker, page)
                page.fill("input[name=q]", "account:0")
                page.press("input[name=q]", "Enter")
                page.wait_for_url("**/address/0x*")
                assert page.inner_text("h1") == "account-0"

        await look(program, node, see)


def see_theatre(looker: Looker, page: Any) -> None:
    """Votes colour seats and fill both phases; what was decided is listed with its times."""
    looker.go(page, "/consensus")
    page.wait_for_selector(".seat.prefer")
    page.wait_for_selector(".seat.commit")
    page.wait_for_selector("[data-past] tr:nth-child(3)")
    page.wait_for_function(
        "Number(document.querySelector('[data-bar=commit]').getAttribute('width')) > 0"
    )
    page.click("#pause")
    view = page.text_content("[data-view-number]")
    page.wait_for_timeout(1500)
    assert page.text_content("[data-view-number]") == view


def see_certificate(looker: Looker, page: Any, height: int) -> None:
    looker.go(page, f"/certificate/{height - 1}")
    assert "not yet" in page.inner_text("[data-verdict]")
    page.click("#verify button")
    page.wait_for_selector(".pill.good >> text=holds")
    assert "they are a quorum" in page.inner_text("#verdict")


def see_charts(looker: Looker, page: Any) -> None:
    looker.go(page, "/charts")
    page.wait_for_selector(".u-over")
    assert page.locator(".chart canvas").count() == 3


async def test_tables_need_no_scripts(program: str, tmp_path: Path) -> None:
    async with explored(tmp_path) as node:
        paths = node.paths()

        def see(looker: Looker) -> None:
            with looker.page(scripts=False) as page:
                for name in ("overview", "blocks", "account", "validators", "consensus", "network"):
                    looker.go(page, paths[name])
                    assert page.locator("tbody tr").count() > 0, name
                looker.go(page, paths["certificate"])
                page.click("#verify button")
                assert page.locator(".pill.good").count() >= 3

        await look(program, node, see)


async def test_everybody_can_read_the_pages(program: str, tmp_path: Path) -> None:
    """axe-core finds nothing to complain of."""
    npm_clients()
    axe = (JS / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    async with explored(tmp_path) as node:
        paths = node.paths()

        def see(looker: Looker) -> None:
            found = list[str]()
            for scheme in ("light", "dark"):
                with looker.page("desktop", scheme) as page:
                    for name in paths if scheme == "light" else DARK:
                        looker.go(page, paths[name])
                        page.wait_for_selector("#pulse:not([hidden])")
                        page.evaluate(axe)
                        violations = page.evaluate("async () => (await axe.run()).violations")
                        found += [
                            f"{name} {scheme}: {each['id']} {node['target']} {node['html'][:120]}"
                            for each in violations
                            for node in each["nodes"][:2]
                        ]
            assert not found, "\n" + "\n".join(found)

        await look(program, node, see)


@pytest.mark.slow
async def test_pages_are_painted_at_once(program: str, tmp_path: Path) -> None:
    """The best of three visits, with four validators in this very process."""
    async with explored(tmp_path) as node:
        paths = node.paths()

        def see(looker: Looker) -> None:
            took = dict[str, float]()
            with looker.page() as page:
                for name, path in paths.items():
                    visits = list[float]()
                    for _ in range(3):
                        looker.go(page, path)
                        visits.append(page.evaluate(PAINTED))
                    took[name] = min(visits)
            print({name: round(each) for name, each in took.items()})
            assert max(took.values()) < 300, took

        await look(program, node, see)
