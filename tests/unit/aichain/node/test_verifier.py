"""Batches of signatures: each caller gets its own verdicts, whatever else is in the batch."""

from typing import Any

import pytest
import trio
import trio.testing

from aichain.machine import RunBlocking
from aichain.metrics import Metrics
from aichain.node.verifier import Verifier
from genesis import limits
from native import backends, batch
from native.cpu import OpenSSLEngine
from native.panel import Panel
from native.signatures import SignatureItem, SigningKey

KEY = SigningKey.from_seed(bytes(32))
CONTEXT = b"aichain/test"


def item(number: int, *, good: bool = True) -> SignatureItem:
    message = number.to_bytes(4, "big")
    signature = KEY.sign(message if good else b"other", CONTEXT)
    return SignatureItem(KEY.public_key, message, CONTEXT, signature)


def verifier_of(run_blocking: RunBlocking = trio.to_thread.run_sync) -> Verifier:
    return Verifier(run_blocking, Metrics(network="test", version="0"))


def use_panel(monkeypatch: pytest.MonkeyPatch, panel: Panel) -> None:
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)


async def test_every_caller_gets_its_own_verdicts() -> None:
    verifier, verdicts = verifier_of(), {}

    async def ask(number: int) -> None:
        items = (item(number), item(number, good=number % 3 != 0))
        verdicts[number] = await verifier.verify_consensus(items)

    async with trio.open_nursery() as running:
        running.start_soon(verifier.run)
        async with trio.open_nursery() as asking:
            for number in range(20):
                asking.start_soon(ask, number)
        running.cancel_scope.cancel()
    assert verdicts == {number: [True, number % 3 != 0] for number in range(20)}


async def test_nothing_to_verify_needs_no_engine() -> None:
    assert await verifier_of().verify_bulk(()) == []


async def test_those_who_wait_are_served_in_bounded_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "VERIFY_QUEUE_ITEMS", 4)
    verifier, verdicts = verifier_of(), list[bool]()

    async def ask(number: int) -> None:
        verdicts.extend(await verifier.verify_bulk([item(number)]))

    async with trio.open_nursery() as running:
        async with trio.open_nursery() as asking:
            for number in range(12):
                asking.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
            assert verifier._bulk._waiting_items == 4
            running.start_soon(verifier.run)
        running.cancel_scope.cancel()
    assert verdicts == [True] * 12


async def test_a_block_does_not_wait_for_the_pools_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "VERIFY_BATCH_ITEMS", 4)
    verifier, order = verifier_of(), list[str]()

    async def flood() -> None:
        await verifier.verify_bulk([item(1)] * 4)
        order.append("pool")

    async with trio.open_nursery() as running:
        async with trio.open_nursery() as asking:
            for _ in range(30):
                asking.start_soon(flood)
            await trio.testing.wait_all_tasks_blocked()
            running.start_soon(verifier.run)
            assert await verifier.verify_block([item(2)]) == [True]
            order.append("block")
        running.cancel_scope.cancel()
    assert order.index("block") < 10


async def test_validators_keys_stay_with_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = list[list[bytes]]()
    monkeypatch.setattr(OpenSSLEngine, "pin", lambda _, keys: pinned.append(list(keys)))
    use_panel(monkeypatch, Panel(OpenSSLEngine(1)))

    async def run_here(work: Any, *arguments: Any, limiter: Any = None) -> Any:
        return work(*arguments)

    verifier = verifier_of(run_here)
    async with trio.open_nursery() as running:
        verifier.pin(frozenset({b"b", b"a"}))
        running.start_soon(verifier.run)
        await trio.testing.wait_all_tasks_blocked()
        for validators in ({b"a", b"b"}, {b"c"}):
            verifier.pin(frozenset(validators))
            await trio.testing.wait_all_tasks_blocked()
        running.cancel_scope.cancel()
    assert pinned == [[b"a", b"b"], [b"c"]]
