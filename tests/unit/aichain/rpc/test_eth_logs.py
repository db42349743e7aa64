"""Logs: their form, the bloom over them, who gets which of them, and how far a question may go."""

import json
from importlib.resources import files
from typing import Any

import pytest

from aichain.rpc.ai_mining import CONTRACT, KINDS, REWARDED, TOPICS, event_name, event_signature
from aichain.rpc.backend import BlockView
from aichain.rpc.logs import bloom_of, bloom_over
from aichain.rpc.methods import eth_logs
from aichain.rpc.render.ethereum import logs_in
from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from native.hashing import keccak256
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER
from vm.receipts import EVENT_ATTRIBUTES, EventKind, Form

ABI = json.loads((files("aichain.rpc") / "ai_mining.json").read_text(encoding="utf-8"))
PSEUDO = format_address(CONTRACT)
TRANSFERRED = "0x" + keccak256(b"Transferred(address,address,uint256,bytes)").hex()
CREATED = "0x" + keccak256(b"AccountCreated(address,uint256)").hex()
REWARD = "0x" + keccak256(REWARDED.encode()).hex()


def padded(address: bytes) -> str:
    return "0x" + address.rjust(32, b"\0").hex()


async def ask(node: Node, **query: Any) -> Any:
    names = {"first": "fromBlock", "last": "toBlock", "block": "blockHash"}
    return await node.call("eth_getLogs", {names.get(key, key): v for key, v in query.items()})


async def test_a_transfer_and_a_new_account_are_logs_in_solidity_s_form(history: Node) -> None:
    created, transferred, reward = await ask(history, first="0x2", last="0x2")
    if created["topics"][0] == TRANSFERRED:
        created, transferred = transferred, created
    assert transferred["address"] == PSEUDO
    sender = bytes(address_of_key(account_key(NETWORK, 0).public_key))
    assert transferred["topics"] == [TRANSFERRED, padded(sender), padded(STRANGER)]
    words = [
        AI.to_bytes(32, "big"), (64).to_bytes(32, "big"), (4).to_bytes(32, "big"),
        b"memo".ljust(32, b"\0"),
    ]  # fmt: skip
    assert transferred["data"] == "0x" + b"".join(words).hex()
    assert created["topics"] == [CREATED, padded(STRANGER)]
    fee = history.backend.document.fees.account_creation_fee
    assert int(created["data"], 16) == fee
    assert reward["topics"][0] == REWARD
    assert [log["removed"] for log in (created, transferred, reward)] == [False] * 3


async def test_a_reward_is_what_the_proposers_balance_grew_by(history: Node) -> None:
    """The proposer of block 2 sent nothing in it, so its balance tells."""
    block = await history.call("eth_getBlockByNumber", "0x2", False)
    (log,) = await ask(history, first="0x2", last="0x2", topics=[REWARD])
    assert log["topics"][1] == padded(bytes.fromhex(block["miner"][2:]))
    assert log["transactionHash"] == log["blockHash"] == block["hash"]
    assert log["transactionIndex"] == "0x2"
    assert await history.call("eth_getTransactionReceipt", log["transactionHash"]) is None
    backend = history.backend
    before = int(await history.call("eth_getBalance", block["miner"], "latest"), 16)
    for _ in range(4):  # until it proposes again
        view = backend.extend([backend.failing(account=2)])
        shown = await history.call("eth_getBlockByNumber", "latest", False)
        grown = int(await history.call("eth_getBalance", block["miner"], "latest"), 16) - before
        (log,) = await ask(history, first="latest", topics=[REWARD])
        assert grown == (int(log["data"], 16) if shown["miner"] == block["miner"] else 0)
        before += grown
        if grown:
            tips = sum(receipt.tip for receipt in view.receipts)
            assert grown > tips > 0
            return
    raise AssertionError("it never proposed")


async def test_the_bloom_holds_the_address_and_every_topic_and_little_else(history: Node) -> None:
    """Against the yellow paper's text: three bits from the low 11 of three pairs of bytes."""
    for height in range(4):
        block = await history.call("eth_getBlockByNumber", hex(height), False)
        bits = 0
        for log in await ask(history, first=hex(height), last=hex(height)):
            for entry in (log["address"], *log["topics"]):
                digest = keccak256(bytes.fromhex(entry[2:]))
                for pair in (digest[0:2], digest[2:4], digest[4:6]):
                    bits |= 1 << (int.from_bytes(pair, "big") & 0x7FF)
        assert int(block["logsBloom"], 16) == bits
        assert (bits == 0) == (height == 0)
        assert len(block["logsBloom"]) == 2 + 512


def test_a_bloom_is_the_known_answer_of_go_ethereum() -> None:
    """Its TestBloomExtensively: a hundred texts, and the hash of their bloom."""
    texts = [f"xxxxxxxxxx data {number} yyyyyyyyyyyyyy".encode() for number in range(100)]
    expected = "c8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263"
    assert keccak256(bloom_over(texts)).hex() == expected
    assert bloom_of([]) == bytes(256)


@pytest.mark.parametrize(
    ("topics", "kinds"),
    [
        ([], {TRANSFERRED, CREATED, REWARD}),
        ([TRANSFERRED], {TRANSFERRED}),
        ([[TRANSFERRED, REWARD]], {TRANSFERRED, REWARD}),
        ([None, padded(STRANGER)], {CREATED}),
        ([None, None, padded(STRANGER)], {TRANSFERRED}),
        ([[TRANSFERRED, CREATED], [padded(STRANGER)]], {CREATED}),
        ([[], None], {TRANSFERRED, CREATED, REWARD}),
        ([None, None, None, None], set()),
        ([UNKNOWN], set()),
    ],
)
async def test_topics_match_by_place_and_by_alternatives(
    history: Node, topics: list[Any], kinds: set[str]
) -> None:
    found = await ask(history, first="0x2", last="0x2", topics=topics)
    assert {log["topics"][0] for log in found} == kinds


async def test_addresses_other_than_the_contract_have_no_logs(history: Node) -> None:
    everything = await ask(history, first="0x0")
    assert await ask(history, first="0x0", address=PSEUDO) == everything
    assert await ask(history, first="0x0", address=[SENDER, PSEUDO]) == everything
    assert await ask(history, first="0x0", address=SENDER) == []
    assert await ask(history, first="0x0", address=[]) == everything


async def test_a_range_is_clipped_at_the_head_and_a_hash_names_one_block(history: Node) -> None:
    everything = await ask(history, first="earliest", last="0x99")
    heights = {int(log["blockNumber"], 16) for log in everything}
    assert heights == {1, 2, 3}
    block = await history.call("eth_getBlockByNumber", "0x2", False)
    assert await ask(history, block=block["hash"]) == await ask(history, first="0x2", last="0x2")
    assert await ask(history) == await ask(history, first="0x3", last="0x3")
    assert await ask(history, first="0x50") == []
    query = {"fromBlock": "0x3", "toBlock": "0x1"}
    assert await history.error("eth_getLogs", query) == (-32602, "invalid_params")
    query = {"fromBlock": "0x3", "blockHash": block["hash"]}
    assert await history.error("eth_getLogs", query) == (-32602, "invalid_params")
    query = {"blockHash": UNKNOWN}
    assert await history.error("eth_getLogs", query) == (-32001, "unknown_resource")


async def test_indices_count_through_the_block_as_in_its_receipts(history: Node) -> None:
    found = await ask(history, first="0x2", last="0x2")
    assert [log["logIndex"] for log in found] == ["0x0", "0x1", "0x2"]
    receipts = await history.call("eth_getBlockReceipts", "0x2")
    assert [log for receipt in receipts for log in receipt["logs"]] == found[:2]


async def test_too_many_blocks_or_logs_are_refused_by_name(
    history: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large = (-32005, "query_too_large")
    monkeypatch.setattr(eth_logs, "RPC_LOG_BLOCKS_MAX", 2)
    assert await ask(history, first="0x2", last="0x3")
    assert await history.error("eth_getLogs", {"fromBlock": "0x1"}) == too_large
    monkeypatch.setattr(eth_logs, "RPC_LOGS_MAX", 2)
    assert await history.error("eth_getLogs", {"fromBlock": "0x2", "toBlock": "0x2"}) == too_large


def test_the_abi_in_the_package_has_every_event_as_it_is_written() -> None:
    listed = {entry["name"]: entry for entry in ABI if entry["type"] == "event"}
    assert set(listed) == {event_name(kind) for kind in EventKind} | {"BlockRewarded"}
    for kind in EventKind:
        inputs = listed[event_name(kind)]["inputs"]
        written = f"{event_name(kind)}({','.join(each['type'] for each in inputs)})"
        assert written == event_signature(kind)
        assert TOPICS[kind] == keccak256(written.encode())
        forms = [form for _, form in EVENT_ATTRIBUTES[kind]]
        assert [each["indexed"] for each in inputs] == [form is Form.ADDRESS for form in forms]
        assert [each["type"] for each in inputs] == [KINDS[form] for form in forms]


async def test_logs_of_a_final_block_are_made_once(
    history: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def count(view: BlockView, *rest: Any) -> Any:
        made.append(view.block.header.height)
        return logs_in(view, *rest)

    monkeypatch.setattr("aichain.rpc.block_logs.logs_in", count)
    first = await history.call("eth_getLogs", {"fromBlock": "0x1"})
    for signed in history.backend.views[2].block.transactions:
        receipt = await history.call("eth_getTransactionReceipt", "0x" + signed.id.hex())
        ours = [log for log in first if log["transactionHash"] == receipt["transactionHash"]]
        assert receipt["logs"] == ours
    assert await history.call("eth_getLogs", {"fromBlock": "0x1"}) == first
    assert made == [1, 2, 3]
