"""eth_* of transactions and receipts: where a final one stands, and what came of it."""

from genesis.units import AI, format_address
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node
from tests.unit.aichain.rpc.fake_backend import STRANGER

CONTRACT = "0x0000000000000000000000000000000000000300"


async def test_a_final_transaction_is_the_same_by_hash_and_by_place(history: Node) -> None:
    block = await history.call("eth_getBlockByNumber", "0x2", True)
    first, second = block["transactions"]
    by_block = "eth_getTransactionByBlockHashAndIndex"
    assert await history.call("eth_getTransactionByHash", first["hash"]) == first
    assert await history.call(by_block, block["hash"], "0x0") == first
    assert await history.call(by_block, block["hash"], "0x1") == second
    assert await history.call(by_block, block["hash"], "0x2") is None
    assert await history.call(by_block, UNKNOWN, "0x0") is None
    at = "eth_getTransactionByBlockNumberAndIndex"
    assert await history.call(at, "0x2", "0x1") == second
    assert await history.call(at, "0x99", "0x0") is None
    assert first["to"] == format_address(STRANGER)
    assert first["input"] == "0x" + b"memo".hex()
    assert second["to"] == CONTRACT
    assert second["value"] == "0x0"


async def test_a_pending_transaction_has_no_place_and_no_receipt(history: Node) -> None:
    signed = history.backend.transfer()
    history.backend.pool[signed.id] = signed
    name = "0x" + signed.id.hex()
    shown = await history.call("eth_getTransactionByHash", name)
    assert (shown["blockHash"], shown["blockNumber"], shown["transactionIndex"]) == (None,) * 3
    assert int(shown["gasPrice"], 16) == AI // signed.weight
    assert await history.call("eth_getTransactionReceipt", name) is None
    history.backend.extend([signed], final=False)
    assert await history.call("eth_getTransactionByHash", name) == shown
    assert await history.call("eth_getTransactionReceipt", name) is None
    history.backend.extend([signed])
    assert (await history.call("eth_getTransactionByHash", name))["blockNumber"] == "0x4"
    assert (await history.call("eth_getTransactionReceipt", name))["status"] == "0x1"


async def test_receipts_of_a_block_are_those_of_its_transactions(history: Node) -> None:
    block = await history.call("eth_getBlockByNumber", "0x2", True)
    receipts = await history.call("eth_getBlockReceipts", "0x2")
    for transaction, receipt in zip(block["transactions"], receipts, strict=True):
        assert await history.call("eth_getTransactionReceipt", transaction["hash"]) == receipt
        assert receipt["gasUsed"] == transaction["gas"]
        assert receipt["effectiveGasPrice"] == transaction["gasPrice"]
        assert receipt["from"] == transaction["from"]
        assert receipt["to"] == transaction["to"]
    good, bad = receipts
    assert (good["status"], good["error"]) == ("0x1", None)
    assert bad["status"] == "0x0"
    assert bad["error"]
    assert bad["logs"] == []
    assert good["cumulativeGasUsed"] == good["gasUsed"]
    assert bad["cumulativeGasUsed"] == block["gasUsed"]
    assert [log["logIndex"] for log in good["logs"]] == ["0x0", "0x1"]


async def test_blocks_are_named_by_number_tag_hash_or_object(history: Node) -> None:
    block = await history.call("eth_getBlockByNumber", "0x2", False)
    receipts = await history.call("eth_getBlockReceipts", "0x2")
    for name in (block["hash"], {"blockHash": block["hash"]}, {"blockNumber": "0x2"}):
        assert await history.call("eth_getBlockReceipts", name) == receipts
    assert await history.call("eth_getBlockReceipts", "latest") == []
    assert await history.call("eth_getBlockReceipts", UNKNOWN) is None
    wrong = (-32602, "invalid_params")
    assert await history.error("eth_getBlockReceipts", {}) == wrong
    both = {"blockHash": block["hash"], "blockNumber": "0x2"}
    assert await history.error("eth_getBlockReceipts", both) == wrong


async def test_balances_are_asked_for_by_the_hash_of_the_head_too(history: Node) -> None:
    head = await history.call("eth_getBlockByNumber", "latest", False)
    balance = await history.call("eth_getBalance", SENDER, "latest")
    assert await history.call("eth_getBalance", SENDER, {"blockHash": head["hash"]}) == balance
    old = await history.call("eth_getBlockByNumber", "0x2", False)
    assert await history.error("eth_getBalance", SENDER, old["hash"]) == (-32001, "state_not_kept")
    assert await history.error("eth_getBalance", SENDER, UNKNOWN) == (-32001, "unknown_resource")


async def test_counts_of_a_block(history: Node) -> None:
    name = (await history.call("eth_getBlockByNumber", "0x2", False))["hash"]
    assert await history.call("eth_getBlockTransactionCountByHash", name) == "0x2"
    assert await history.call("eth_getBlockTransactionCountByNumber", "0x2") == "0x2"
    assert await history.call("eth_getBlockTransactionCountByNumber", "0x99") is None
    assert await history.call("eth_getUncleCountByBlockHash", name) == "0x0"
    assert await history.call("eth_getUncleCountByBlockHash", UNKNOWN) is None
    assert await history.call("eth_getUncleCountByBlockNumber", "0x2") == "0x0"
    assert await history.call("eth_getUncleCountByBlockNumber", "0x99") is None
