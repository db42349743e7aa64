"""Reads of much cannot hold the loop that consensus shares: measured in processor time a step."""

import json
from collections.abc import Sequence

import trio

from aichain.rpc.limits import RpcLimits
from genesis.units import AI
from tests.integration.loop_meter import measured
from tests.unit.aichain.rpc.calling import SENDER
from tests.unit.aichain.rpc.serving import Served, post, read_response, rpc, served

TRANSFERS = 400
BY_HASH = "of a transaction"
STEP_MAX_S = 0.03
"""Of processor time; on the machine that this was written on the longest takes 4 ms."""
WIDE = RpcLimits(calls_per_second=1_000_000, burst_calls=1_000_000)


def fill(node: Served) -> None:
    """A block of many transfers, one of few, and a pool of many."""
    backend = node.backend
    backend.extend([backend.transfer(1, ahead=ahead) for ahead in range(TRANSFERS)])
    backend.extend([backend.transfer(AI)])
    for ahead in range(TRANSFERS):
        signed = backend.transfer(1, ahead=ahead)
        backend.pool[signed.id] = signed


READS: Sequence[tuple[str, Sequence[object]]] = (
    ("aichain_getBlock", [3]),
    ("eth_getBlockByNumber", ["0x3", True]),
    ("eth_getBlockByNumber", ["0x3", False]),
    ("eth_getBlockReceipts", ["0x3"]),
    ("eth_getLogs", [{"fromBlock": "0x1"}]),
    ("eth_feeHistory", [3, "latest", [10, 50, 90]]),
    ("aichain_mempool", [1000]),
    ("aichain_getTransactionProof", [BY_HASH]),
    ("eth_getTransactionReceipt", [BY_HASH]),
    ("ledger.getBlock", [3]),
)


async def test_a_full_block_is_rendered_beside_the_loop() -> None:
    async with served(WIDE) as node, await node.open() as stream:
        fill(node)
        block = node.backend.views[3].block
        assert len(block.transactions) == TRANSFERS
        found = "0x" + block.transactions[TRANSFERS // 2].id.hex()
        for method, params in READS:
            wanted = [found if each == BY_HASH else each for each in params]
            for _ in range(2):
                with measured() as meter:
                    await stream.send_all(post(rpc(method, *wanted)))
                    response = await read_response(stream)
                assert "result" in json.loads(response.body), response.body[:300]
                assert meter.longest_s < STEP_MAX_S, method


async def test_many_readers_of_many_things_let_the_loop_go_round() -> None:
    """A thousand mixed calls on sixteen connections at once, full blocks among them."""
    calls = [
        rpc("aichain_status"),
        rpc("eth_blockNumber"),
        rpc("aichain_getBlock", 3),
        rpc("aichain_getBlock", "latest"),
        rpc("eth_getBlockByNumber", "0x3", True),
        rpc("eth_getLogs", {"fromBlock": "0x1"}),
        rpc("aichain_getAccount", SENDER),
        rpc("eth_getBalance", SENDER, "latest"),
        rpc("eth_feeHistory", 3, "latest"),
        rpc("aichain_mempool", 100),
    ]

    async def read(node: Served, start: int) -> None:
        async with await node.open() as stream:
            for number in range(60):
                await stream.send_all(post(calls[(start + number) % len(calls)]))
                response = await read_response(stream)
                assert response.status == 200
                assert b'"error"' not in response.body[:200]

    async with served(WIDE) as node:
        fill(node)
        with measured() as meter:
            async with trio.open_nursery() as nursery:
                for start in range(16):
                    nursery.start_soon(read, node, start)
        assert meter.longest_s < STEP_MAX_S
