"""eth_*: quantities, tags, and the block fields that Ethereum libraries insist on."""

import itertools
from dataclasses import replace

import pytest

from genesis.units import AI, format_address
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node
from tests.unit.aichain.rpc.fake_backend import STRANGER


async def test_eth_heights_and_amounts_are_quantities(history: Node) -> None:
    assert await history.call("eth_chainId") == "0x9087"
    assert await history.call("net_version") == "36999"
    assert await history.call("eth_blockNumber") == "0x3"
    assert await history.call("eth_getBalance", format_address(STRANGER), "latest") == hex(AI)
    assert await history.call("eth_getBalance", format_address(STRANGER)) == hex(AI)
    assert await history.call("eth_getTransactionCount", SENDER, "finalized") == "0x1"
    assert await history.call("eth_accounts") == []
    assert (await history.call("web3_clientVersion")).startswith("AIChain/v0.1.0/linux")
    assert await history.call("eth_syncing") is False
    history.backend.syncing = True
    assert (await history.call("eth_syncing"))["highestBlock"] == "0xd"


async def test_pending_nonces_count_the_mempool(history: Node) -> None:
    await history.call("eth_sendRawTransaction", "0x" + history.backend.transfer().raw.hex())
    assert await history.call("eth_getTransactionCount", SENDER, "pending") == "0x2"


async def test_balances_of_other_heights_are_refused_not_invented(history: Node) -> None:
    assert await history.error("eth_getBalance", SENDER, "0x1") == (-32001, "state_not_kept")
    assert await history.error("eth_getBalance", SENDER, "earliest") == (-32001, "state_not_kept")
    assert await history.call("eth_getBalance", SENDER, "0x3")


async def test_an_eth_block_has_every_field_that_clients_insist_on(history: Node) -> None:
    block = await history.call("eth_getBlockByNumber", "0x2", False)
    wanted = (
        "number hash parentHash sha3Uncles logsBloom transactionsRoot stateRoot receiptsRoot miner "
        "difficulty extraData nonce timestamp gasLimit gasUsed size mixHash uncles transactions"
    )
    assert set(wanted.split()) <= set(block)
    assert len(bytes.fromhex(block["extraData"][2:])) <= 32
    assert block["transactions"] == [
        t["hash"] for t in (await history.call("aichain_getBlock", 2))["transactions"]
    ]
    full = await history.call("eth_getBlockByHash", block["hash"], True)
    assert full["transactions"][0]["from"] == SENDER
    assert full["transactions"][0]["value"] == hex(AI)
    assert full["transactions"][0]["type"] == "0x6d"
    assert await history.call("eth_getBlockByNumber", "0x99", False) is None
    assert await history.call("eth_getBlockByHash", UNKNOWN, False) is None
    for tag in ("latest", "finalized", "safe", "pending"):
        assert (await history.call("eth_getBlockByNumber", tag, False))["number"] == "0x3"
    assert (await history.call("eth_getBlockByNumber", "earliest", False))["number"] == "0x0"


@pytest.mark.parametrize("height", [2, 4])
async def test_gas_times_its_price_is_the_fee_of_the_weight_and_the_rest_stands_beside_it(
    history: Node, height: int
) -> None:
    """Block 2 makes an account, block 4 does not; both hold a transaction that fails."""
    base_fee = history.backend.state.base_fee
    history.backend.extend([history.backend.transfer(), history.backend.failing()])
    shown = (await history.call("aichain_getBlock", height))["transactions"]
    full = (await history.call("eth_getBlockByNumber", hex(height), True))["transactions"]
    assert len(full) == len(shown) == 2
    created = [int(each["accountCreationFee"], 16) for each in full]
    assert [fee > 0 for fee in created] == [height == 2, False]
    for transaction, own in zip(full, shown, strict=True):
        gas, price = (int(transaction[name], 16) for name in ("gas", "gasPrice"))
        creation, tip = (int(transaction[name], 16) for name in ("accountCreationFee", "tip"))
        assert gas * price + creation == int(own["receipt"]["feeBurned"])
        assert tip == int(own["receipt"]["tip"])
        assert price > 0
        assert height == 2 or price == base_fee


async def test_the_receipts_root_is_the_one_the_next_header_commits_to(history: Node) -> None:
    block = await history.call("eth_getBlockByNumber", "0x2", False)
    child = await history.call("aichain_getBlock", 3)
    assert block["receiptsRoot"] == child["parentReceiptsRoot"]
    assert block["stateRoot"] == child["parentStateRoot"]


async def test_an_ethereum_wallets_transaction_is_refused_with_advice(node: Node) -> None:
    response = await node.ask("eth_sendRawTransaction", ["0x02f8" + "00" * 100])
    assert response["error"]["code"] == -32003
    assert "ML-DSA" in response["error"]["message"]


async def test_the_newest_state_is_there_while_a_block_becomes_final(
    history: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head moves in a thread: two looks at it in one call may see two blocks."""
    before = history.backend.status()
    heights = itertools.count(before.height)
    monkeypatch.setattr(history.backend, "status", lambda: replace(before, height=next(heights)))
    for tag in ("latest", "pending", "safe", "finalized"):
        assert await history.call("eth_getBalance", SENDER, tag) != "0x0"
