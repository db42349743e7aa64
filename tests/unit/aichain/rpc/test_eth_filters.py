"""Filters that are polled, and what subscribers of the same are pushed."""

from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from aichain.rpc.errors import InvalidParams, TooManyFilters, UnknownFilter
from aichain.rpc.filters import BlockFilter, FilterTable, PendingFilter
from aichain.rpc.interests import (
    Interest,
    MatchingLogs,
    NewHeads,
    PendingTransactions,
    SyncChanges,
)
from aichain.rpc.logs import LogFilter
from aichain.rpc.methods import eth_filters
from aichain.rpc.methods.eth_logs import LogQuery
from aichain.rpc.methods.eth_subscribing import EthSubscription, EthTopic, eth_interest_of
from aichain.rpc.occurrences import FinalBlockSeen, SyncSeen, TransactionsSeen, VoteSeen
from aichain.rpc.subscriptions import Hub
from native.hashing import keccak256
from tests.unit.aichain.rpc.calling import SENDER, Node
from tests.unit.aichain.rpc.serving import served

TRANSFERRED = "0x" + keccak256(b"Transferred(address,address,uint256,bytes)").hex()
UNKNOWN_FILTER = (-32001, "unknown_filter")


async def hash_at(node: Node, height: int) -> Any:
    return (await node.call("eth_getBlockByNumber", hex(height), False))["hash"]


async def test_a_block_filter_tells_each_block_once(history: Node) -> None:
    name = await history.call("eth_newBlockFilter")
    assert await history.call("eth_getFilterChanges", name) == []
    history.backend.extend()
    history.backend.extend()
    hashes = [await hash_at(history, 4), await hash_at(history, 5)]
    assert await history.call("eth_getFilterChanges", name) == hashes
    assert await history.call("eth_getFilterChanges", name) == []
    assert await history.call("eth_uninstallFilter", name) is True
    assert await history.call("eth_uninstallFilter", name) is False
    assert await history.error("eth_getFilterChanges", name) == UNKNOWN_FILTER


async def test_what_one_answer_does_not_hold_comes_with_the_next(
    history: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = await history.call("eth_newBlockFilter")
    logs = await history.call("eth_newFilter", {})
    for _ in range(3):
        history.backend.extend()
    monkeypatch.setattr(eth_filters, "RPC_LOG_BLOCKS_MAX", 2)
    monkeypatch.setattr(eth_filters, "RPC_LOGS_MAX", 2)
    found = [await history.call("eth_getFilterChanges", blocks) for _ in range(3)]
    assert [len(each) for each in found] == [2, 1, 0]
    assert found[0] + found[1] == [await hash_at(history, height) for height in (4, 5, 6)]
    found = [await history.call("eth_getFilterChanges", logs) for _ in range(4)]
    assert [[log["blockNumber"] for log in each] for each in found] == [
        ["0x4"],
        ["0x5"],
        ["0x6"],
        [],
    ]


async def test_a_log_filter_has_changes_from_now_on_and_logs_from_its_first_block(
    history: Node,
) -> None:
    query = {"fromBlock": "0x1", "toBlock": "0x4", "topics": [TRANSFERRED]}
    name = await history.call("eth_newFilter", query)
    old = await history.call("eth_getFilterLogs", name)
    assert [log["blockNumber"] for log in old] == ["0x2"]
    for _ in range(2):
        history.backend.extend([history.backend.transfer()])
    (new,) = await history.call("eth_getFilterChanges", name)
    assert new["blockNumber"] == "0x4"
    assert await history.call("eth_getFilterChanges", name) == []
    assert await history.call("eth_getFilterLogs", name) == [*old, new]
    blocks = await history.call("eth_newBlockFilter")
    assert await history.error("eth_getFilterLogs", blocks) == UNKNOWN_FILTER
    wrong = (-32602, "invalid_params")
    by_hash = {"blockHash": await hash_at(history, 2)}
    assert await history.error("eth_newFilter", by_hash) == wrong
    assert await history.error("eth_newFilter", {"fromBlock": "0x4", "toBlock": "0x1"}) == wrong


async def test_a_pending_filter_and_a_subscriber_hear_what_the_pool_takes() -> None:
    async with served() as node:
        name = (await node.call("eth_newPendingTransactionFilter"))["result"]
        sent = [node.backend.transfer(account=account) for account in (0, 1)]
        for signed in sent:
            answer = await node.call("eth_sendRawTransaction", "0x6d" + signed.raw.hex())
            assert answer["result"] == "0x" + signed.id.hex()
        found: list[str] = []
        with trio.fail_after(10):
            while len(found) < 2:
                found += (await node.call("eth_getFilterChanges", name))["result"]
        assert found == ["0x" + signed.id.hex() for signed in sent]
        assert (await node.call("eth_getFilterChanges", name))["result"] == []


def test_filters_are_few_and_forgotten_when_nobody_asks() -> None:
    table = FilterTable(filters=2, idle_ms=100)
    first, second = (table.install(BlockFilter(1), now_ms=0) for _ in range(2))
    assert first != second
    with pytest.raises(TooManyFilters):
        table.install(BlockFilter(1), now_ms=100)
    table.find(first, now_ms=100)
    table.install(BlockFilter(1), now_ms=101)
    with pytest.raises(UnknownFilter):
        table.find(second, now_ms=101)
    table.find(first, now_ms=200)


async def test_a_pending_filter_that_was_not_asked_in_time_says_that_it_lost_some(
    node: Node,
) -> None:
    table = node.context.filters
    table._hashes = 2
    name = await node.call("eth_newPendingTransactionFilter")
    for number in range(3):
        assert list(table.interests()) == [PendingTransactions()]
        table.notify(PendingTransactions(), msgspec.json.encode("0x" + f"{number:064x}"))
    assert await node.error("eth_getFilterChanges", name) == (-32005, "subscriber_lagged")
    assert list(table.interests()) == []
    other = await node.call("eth_newPendingTransactionFilter")
    table.lag()
    assert await node.error("eth_getFilterChanges", other) == (-32005, "subscriber_lagged")


def test_a_pending_filter_is_the_only_one_that_the_hub_has_to_tell() -> None:
    table = FilterTable()
    table.install(BlockFilter(1), now_ms=0)
    assert list(table.interests()) == []
    table.install(PendingFilter(), now_ms=0)
    assert list(table.interests()) == [PendingTransactions()]


async def test_subscribers_of_logs_are_pushed_what_the_same_question_finds(history: Node) -> None:
    seen = FinalBlockSeen(history.protocol, history.backend.views[2])
    for query in ({}, {"topics": [TRANSFERRED]}, {"address": SENDER}):
        wish = EthSubscription(EthTopic.LOGS, msgspec.convert(query, LogQuery))
        notices = await eth_interest_of(wish).notices(seen)
        asked = await history.call("eth_getLogs", {"fromBlock": "0x2", "toBlock": "0x2", **query})
        assert msgspec.to_builtins(list(notices)) == asked


@pytest.mark.parametrize(
    ("wish", "interest"),
    [
        (EthSubscription(EthTopic.NEW_HEADS), NewHeads()),
        (EthSubscription(EthTopic.LOGS), MatchingLogs(LogFilter())),
        (EthSubscription(EthTopic.PENDING, False), PendingTransactions()),
        (EthSubscription(EthTopic.SYNCING), SyncChanges()),
    ],
)
def test_each_topic_has_its_interest(wish: EthSubscription, interest: Interest) -> None:
    assert eth_interest_of(wish) == interest
    assert hash(interest) == hash(eth_interest_of(wish))


@pytest.mark.parametrize(
    "wish",
    [EthSubscription(EthTopic.PENDING, True), EthSubscription(EthTopic.NEW_HEADS, LogQuery())],
)
def test_a_filter_goes_with_logs_only(wish: EthSubscription) -> None:
    with pytest.raises(InvalidParams):
        eth_interest_of(wish)


async def test_each_interest_hears_of_its_own_source_only(history: Node) -> None:
    occurrences = (
        FinalBlockSeen(history.protocol, history.backend.views[3]),
        VoteSeen(history.backend.vote(0)),
        TransactionsSeen((keccak256(b"1"), keccak256(b"2"))),
        SyncSeen(history.backend.status()),
    )
    counts = [
        [len(await interest.notices(each)) for each in occurrences]
        for interest in (MatchingLogs(LogFilter()), PendingTransactions(), SyncChanges())
    ]
    assert counts == [[1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]


class _Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def interests(self) -> list[Interest]:
        return [SyncChanges()]

    def notify(self, _: Interest, result: bytes) -> None:
        self.heard.append(msgspec.json.decode(result))

    def lag(self) -> None:
        raise AssertionError("nothing was lost")


async def test_a_node_that_falls_behind_and_catches_up_says_so_once_each(
    node: Node, autojump_clock: trio.testing.MockClock
) -> None:
    listener, hub = _Listener(), Hub(node.protocol)
    hub.add(listener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        for syncing in (False, True, True, False):
            await trio.sleep(3)
            node.backend.syncing = syncing
        await trio.sleep(3)
        for feed in (node.backend.feed, node.backend.votes, node.backend.pooled):
            feed.close()
    began, ended = listener.heard
    assert began["syncing"] is True
    assert began["status"]["highestBlock"] == "0xa"
    assert ended is False
