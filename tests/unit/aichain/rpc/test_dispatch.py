"""Batches, bounds, the table of errors, and any arguments to any method."""

import json

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aichain.errors import MempoolFull, NotPooled, StoreCorrupt
from aichain.rpc.errors import NUMBERS, ExecutionReverted, error_number
from aichain.rpc.limits import RpcLimits
from genesis.limits import RPC_CALL_TIMEOUT_S
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node


async def test_a_batch_is_answered_in_order_without_its_notifications(history: Node) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "id": 1, "method": "nope"},
        5,
        {"jsonrpc": "2.0", "id": "x", "method": "eth_chainId"},
    ]
    answers = await history.send(json.dumps(calls).encode())
    assert [answer["id"] for answer in answers] == [1, 1, None, "x"]
    assert answers[0]["result"] == "0x3"
    assert [a["error"]["code"] for a in answers if "error" in a] == [-32601, -32600]
    notification = b'[{"jsonrpc":"2.0","method":"eth_chainId"}]'
    assert await history.send(notification) is None


async def test_the_answer_to_a_batch_is_bounded() -> None:
    node = Node(limits=RpcLimits(response_bytes=15_000))
    call = b'{"jsonrpc":"2.0","id":1,"method":"aichain_validators","params":[1]}'
    assert (await node.send(call))["error"]["data"]["code"] == "response_too_large"
    small = b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[0]}'
    answers = await node.send(b"[" + b",".join([small] * 30) + b"]")
    assert "result" in answers[0]
    assert answers[-1]["error"]["data"]["code"] == "response_too_large"


async def test_a_batch_has_no_more_time_than_a_call(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    node = Node()

    async def slow(height: int) -> None:
        await trio.sleep(RPC_CALL_TIMEOUT_S * 0.4)

    monkeypatch.setattr(node.backend, "block_at", slow)
    call = b'{"jsonrpc":"2.0","id":1,"method":"aichain_getBlock","params":[1]}'
    answers = await node.send(b"[" + b",".join([call] * 100) + b"]")
    assert [each for each in answers if "result" in each] == answers[:2]
    assert {each["error"]["data"]["code"] for each in answers[2:]} == {"timed_out"}
    assert trio.current_time() == RPC_CALL_TIMEOUT_S


async def test_a_block_that_the_disk_does_not_give_back_refuses_its_reader_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node()

    async def damaged(height: int) -> None:
        raise StoreCorrupt(path="/home/somebody/000001.seg", reason=f"block {height}")

    monkeypatch.setattr(node.backend, "block_at", damaged)
    for _ in range(3):
        answer = await node.ask("aichain_getBlock", [1])
        assert answer["error"]["code"] == -32603
        assert answer["error"]["data"] == {"code": "history_damaged"}
        assert "somebody" not in json.dumps(answer)
    assert caplog.text.count("000001.seg") == 1
    assert "move the chain directory away" in caplog.text
    assert (await node.call("aichain_status"))["network"] == "devnet"


async def test_blocking_peers_is_there_only_where_faults_are_on() -> None:
    node = Node(faults=True)
    peers = [peer["peerId"] for peer in await node.call("aichain_peers")]
    assert await node.call("aichain_setBlockedPeers", peers[:2]) == {"blocked": sorted(peers[:2])}
    assert node.backend.blocked == frozenset(peers[:2])
    await node.call("aichain_setBlockedPeers", [])
    assert node.backend.blocked == frozenset()
    assert await node.error("aichain_setBlockedPeers", ["not a peer"]) == (
        -32602,
        "invalid_peer_id",
    )


async def test_regions_are_there_only_where_faults_are_on() -> None:
    node = Node(faults=True)
    assert await node.call("aichain_setRegions", True) == {"regions": True}
    assert node.backend.regions
    await node.named("aichain_setRegions", on=False)
    assert not node.backend.regions
    assert await node.error("aichain_setRegions", "on") == (-32602, "invalid_params")
    assert await Node().error("aichain_setRegions", True) == (-32601, "method_not_found")


ARGUMENTS = st.lists(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(["latest", UNKNOWN, SENDER, "0x", "0x0", "pending", "newBlocks", -1, {}, []]),
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
async def test_no_arguments_bring_any_method_down(history: Node, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(history.registry.methods)))
    response = await history.ask(name, data.draw(ARGUMENTS))
    assert ("result" in response) != ("error" in response)


async def test_every_method_is_documented(node: Node) -> None:
    for entry in node.registry.methods.values():
        assert entry.summary.endswith((".", ":", "only.")), entry.name
        assert len(entry.summary) <= 100


async def test_every_error_of_the_table_has_one_number() -> None:
    own = {number for error, number in NUMBERS.items() if error is not ExecutionReverted}
    assert all(-32768 <= number <= -32000 for number in own)
    assert NUMBERS[ExecutionReverted] == 3  # what Ethereum clients take for a revert


def test_what_the_pool_refuses_is_a_refused_transaction() -> None:
    assert issubclass(MempoolFull, NotPooled)
    assert error_number(MempoolFull.__new__(MempoolFull)) == -32003
