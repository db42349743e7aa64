"""Prices: the next block's, those of old blocks found out again, and what others tipped."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from aichain.rpc.backend import BlockView
from aichain.rpc.methods import eth_fees
from aichain.rpc.occurrences import FinalBlockSeen
from aichain.rpc.price_history import PriceHistory
from tests.unit.aichain.rpc.calling import Node


def price(node: Node) -> int:
    return node.backend.state.base_fee


async def test_the_price_is_the_next_blocks_and_a_tip_is_not_asked_for(history: Node) -> None:
    assert await history.call("eth_gasPrice") == hex(price(history))
    assert await history.call("eth_maxPriorityFeePerGas") == "0x0"


@pytest.mark.parametrize("newest", [5, 12])
@pytest.mark.parametrize("blocks", [1, 3, 5])
async def test_old_prices_are_those_that_the_states_had(
    node: Node, newest: int, blocks: int
) -> None:
    """The slow twin: the state after each block, written down when it was there."""
    charged = [0, price(node)]
    for height in range(1, 13):
        node.backend.extend([node.backend.transfer(account=height % 3)] if height % 4 == 0 else [])
        charged.append(price(node))
    history = await node.call("eth_feeHistory", hex(blocks), hex(newest), [])
    oldest = newest - blocks + 1
    assert history["oldestBlock"] == hex(oldest)
    expected = [hex(each) for each in charged[oldest : newest + 2]]
    assert history["baseFeePerGas"] == expected
    assert await node.call("eth_feeHistory", blocks, hex(newest), []) == history
    again = node.context.prices._known
    assert {again[height] for height in again} <= {charged[height] for height in again}
    for height in range(oldest, newest + 1):
        used = await node.call("eth_getBlockByNumber", hex(height), False)
        ratio = history["gasUsedRatio"][height - oldest]
        assert ratio == int(used["gasUsed"], 16) / int(used["gasLimit"], 16)


async def test_blocks_carry_the_price_that_they_charged(node: Node) -> None:
    charged = [price(node)]
    for height in range(1, 9):
        node.backend.extend([node.backend.transfer(account=height % 3)] if height % 3 == 0 else [])
        charged.append(price(node))
    for height in range(8, 0, -1):
        block = await node.call("eth_getBlockByNumber", hex(height), height % 2 == 0)
        assert block["baseFeePerGas"] == hex(charged[height - 1])
        seen = await FinalBlockSeen(node.protocol, node.backend.views[height]).eth_head()
        assert seen.base_fee_per_gas == hex(charged[height - 1])
    assert "baseFeePerGas" not in await node.call("eth_getBlockByNumber", "0x0")


async def test_a_price_that_nothing_tells_is_left_out(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        node.backend.extend()
    charged = price(node)
    node.backend.extend()
    monkeypatch.setattr("aichain.rpc.price_history.RPC_FEE_LOOKBACK_BLOCKS", 2)
    assert "baseFeePerGas" not in await node.call("eth_getBlockByNumber", "0x5")
    monkeypatch.undo()
    shown = await node.call("eth_getBlockByNumber", "0x5")
    assert shown["baseFeePerGas"] == hex(charged)


async def test_looking_for_one_price_finds_those_on_the_way(node: Node) -> None:
    for _ in range(20):
        node.backend.extend()
    view = await node.backend.block_at(20)
    assert view is not None
    prices, asked = PriceHistory(), []
    answer = node.backend.block_at

    async def count(height: int) -> BlockView | None:
        asked.append(height)
        return await answer(height)

    node.backend.block_at = count  # type: ignore[method-assign]
    for height in range(20, 0, -1):
        assert await prices.of_block(node.protocol, node.backend.views[height]) is not None
    assert len(asked) <= 20


async def test_who_asks_while_somebody_looks_for_a_price_does_not_look_too(node: Node) -> None:
    for _ in range(19):
        node.backend.extend()
    charged = price(node)
    node.backend.extend()
    prices, asked, found = PriceHistory(), list[int](), list[int | None]()
    answer, may_read = node.backend.block_at, trio.Event()

    async def count(height: int) -> BlockView | None:
        asked.append(height)
        await may_read.wait()
        return await answer(height)

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            found.append(await prices.of_block(node.protocol, node.backend.views[20]))

    node.backend.block_at = count  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        first = trio.CancelScope()
        nursery.start_soon(ask, first)
        await wait_all_tasks_blocked()
        for _ in range(16):
            nursery.start_soon(ask, trio.CancelScope())
        await wait_all_tasks_blocked()
        assert asked == [19]
        first.cancel()
        await wait_all_tasks_blocked()
        assert asked == [19, 19], "one of the others looks in its place"
        may_read.set()
    assert found == [charged] * 16
    assert asked == [19, *range(19, -1, -1)]


async def test_without_a_payment_in_sight_bounds_meet_or_the_price_is_not_invented(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        node.backend.extend()
    known = await node.call("eth_feeHistory", "0x2", "latest")
    assert "reward" not in known
    monkeypatch.setattr("aichain.rpc.price_history.RPC_FEE_LOOKBACK_BLOCKS", 20)
    view = await node.backend.block_at(30)
    assert view is not None
    fresh = PriceHistory()
    with pytest.raises(Exception, match="base fee of block 30"):
        await fresh.of(node.protocol, [view])
    monkeypatch.setattr(
        "aichain.rpc.price_history.U128_MAX", node.backend.document.fees.min_base_fee * 8
    )
    assert (await fresh.of(node.protocol, [view]))[-1] == price(node)


async def test_an_answer_has_so_many_blocks_and_none_that_do_not_exist(
    history: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await history.call("eth_feeHistory", "0x400", "latest"))["oldestBlock"] == "0x1"
    monkeypatch.setattr(eth_fees, "RPC_FEE_HISTORY_BLOCKS_MAX", 2)
    assert (await history.call("eth_feeHistory", "0x400", "latest"))["oldestBlock"] == "0x2"
    assert (await history.call("eth_feeHistory", 5, "earliest"))["baseFeePerGas"] == []
    unknown = (-32001, "unknown_resource")
    assert await history.error("eth_feeHistory", 1, "0x99") == unknown
    wrong = (-32602, "invalid_params")
    assert await history.error("eth_feeHistory", 1, "latest", [90, 10]) == wrong
    assert await history.error("eth_feeHistory", 1, "latest", [101]) == wrong


async def test_rewards_are_tips_by_weight_at_the_percentiles(history: Node) -> None:
    view = await history.backend.block_at(2)
    assert view is not None
    tips = sorted(
        receipt.tip // signed.weight
        for signed, receipt in zip(view.block.transactions, view.receipts, strict=True)
    )
    shown = await history.call("eth_feeHistory", "0x2", "0x2", [0, 100])
    assert shown["reward"] == [["0x0", "0x0"], [hex(tips[0]), hex(tips[-1])]]
    assert eth_fees.tips_at(view, [0.0, 50.0, 100.0])[0] == tips[0]
