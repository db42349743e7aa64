"""ledger.*: exactly the shapes that existing mining clients read."""

import pytest

from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node


async def test_ledger_calls_have_exactly_the_shapes_their_clients_read(history: Node) -> None:
    assert await history.named("ledger.getHeight") == {"height": 3}
    assert await history.named("ledger.getMiner", address=SENDER.lower()) is None
    rewards = await history.named("ledger.getPendingRewards", address=SENDER.lower())
    assert rewards == {"rewards": "0"}
    block = await history.named("ledger.getBlock", height=2)
    shown = await history.call("aichain_getBlock", 2)
    assert list(block) == [
        "height",
        "parent_hash",
        "hash",
        "timestamp",
        "proposer",
        "tx_root",
        "state_root",
        "tx_count",
    ]
    assert "0x" + bytes(block["hash"]).hex() == shown["hash"]
    assert "0x" + bytes(block["state_root"]).hex() == shown["stateRoot"]
    assert len(block["proposer"]) == 1952
    assert (block["height"], block["tx_count"], block["timestamp"]) == (2, 2, shown["timestampMs"])
    teleport = await history.ask("ledger.getTeleportStatus", {"id": "abc"})
    assert teleport["error"]["data"]["code"] == "unknown_resource"


async def test_ledger_submit_and_status_follow_a_transaction(history: Node) -> None:
    signed = history.backend.transfer()
    answer = await history.named("ledger.submitTransaction", tx=signed.raw.hex())
    bare = signed.id.hex()
    assert answer == {"hash": bare}
    status = await history.named("ledger.getTransactionStatus", hash=bare)
    assert status == {"status": "mempool", "block_height": None, "reason": None}
    history.backend.extend([signed])
    status = await history.named("ledger.getTransactionStatus", hash="0x" + bare)
    assert status == {"status": "finalized", "block_height": 4, "reason": None}
    block = await history.call("aichain_getBlock", 2)
    failed = block["transactions"][1]
    status = await history.named("ledger.getTransactionStatus", hash=failed["hash"])
    assert status == {"status": "failed", "block_height": 2, "reason": failed["receipt"]["error"]}
    response = await history.ask("ledger.getTransactionStatus", {"hash": UNKNOWN})
    assert response["error"]["data"]["code"] == "unknown_resource"


@pytest.mark.parametrize(
    ("tx", "variant"),
    [
        ('{"ClaimReward":{"miner":[1,2]}}', "ClaimReward"),
        ('"Vote"', "Vote"),
        ("{", "unreadable"),
        ("{}", "empty"),
    ],
)
async def test_json_transactions_of_old_clients_are_refused_by_name(
    node: Node, tx: str, variant: str
) -> None:
    response = await node.ask("ledger.submitTransaction", {"tx": tx.encode().hex()})
    assert response["error"]["code"] == -32003
    assert response["error"]["data"] == {"code": "legacy_transaction", "variant": variant}
    assert node.backend.submitted == []
