"""aichain_getAccountHistory: pages and cursors, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aichain.store.account_index import AccountIndex
from tests.unit.aichain.rpc.calling import SENDER, Node


@pytest.fixture
def indexed(history: Node, tmp_path: Path) -> Iterator[Node]:
    backend = history.backend
    backend.extend([backend.transfer(7)])
    backend.accounts = AccountIndex(tmp_path / "accounts", backend.document.hash)
    backend.accounts.add([(view.block, view.receipts) for view in backend.views[1:]])
    yield history
    backend.accounts.close()


async def page(node: Node, *more: object) -> Any:
    return await node.call("aichain_getAccountHistory", SENDER, *more)


async def test_pages_lead_from_the_newest_to_the_oldest(indexed: Node) -> None:
    whole = await page(indexed)
    assert (whole["next"], whole["firstHeight"], whole["indexedHeight"]) == (None, 0, 4)
    newest, oldest = whole["transactions"]
    assert (newest["height"], newest["amount"], oldest["height"]) == (4, "7", 2)
    first = await page(indexed, None, 1)
    second = await page(indexed, first["next"], 1)
    assert [*first["transactions"], *second["transactions"]] == [newest, oldest]
    assert (await page(indexed, second["next"], 1))["transactions"] == []


async def test_an_entry_is_what_a_lookup_says(indexed: Node) -> None:
    for entry in (await page(indexed))["transactions"]:
        found = await indexed.call("aichain_getTransaction", entry["hash"])
        assert entry["kind"] == found["transaction"]["kind"]
        assert entry["feeBurned"] == found["receipt"]["feeBurned"]
        assert (entry["height"], entry["index"]) == (found["height"], found["index"])


@pytest.mark.parametrize("cursor", ["", "1", "1.", ".1", "a.b", "1.1.1", "-1.0", "9" * 20 + ".0"])
async def test_a_cursor_that_is_none_is_refused(indexed: Node, cursor: str) -> None:
    error = await indexed.error("aichain_getAccountHistory", SENDER, cursor)
    assert error == (-32602, "invalid_params")


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_has_its_limits(indexed: Node, limit: int) -> None:
    error = await indexed.error("aichain_getAccountHistory", SENDER, None, limit)
    assert error == (-32602, "invalid_params")


async def test_a_node_without_the_index_says_so(history: Node) -> None:
    error = await history.error("aichain_getAccountHistory", SENDER)
    assert error == (-32001, "not_indexed")
