"""`ethers`, `viem` and `cast`, unmodified, against a node: what they read, hear and are refused."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_typing import TaskStatus

import aichain.rpc
from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from tests.interop.npm_clients import JS, npm_clients
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER
from tests.unit.aichain.rpc.serving import Served, served

ABI = Path(aichain.rpc.__file__).parent / "ai_mining.json"
CONTRACT = "0x0000000000000000000000000000000000000300"
SENDER = format_address(address_of_key(account_key(NETWORK, 0).public_key))
RECEIVER = format_address(STRANGER)
DEADLINE_S = 60

pytestmark = pytest.mark.usefixtures("clients")


@pytest.fixture(scope="module")
def clients() -> Path:
    return npm_clients()


def transfer_in(node: Served) -> str:
    """The hash of the transfer of block 1."""
    return "0x" + node.backend.views[1].block.transactions[0].id.hex()


async def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Its exit code says little: the command that npm makes of `cast` always ends with 0."""
    with trio.fail_after(DEADLINE_S):
        return await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False
        )


async def test_ethers_reads_the_chain_and_the_pseudo_contract() -> None:
    async with served() as node:
        hash_text = transfer_in(node)
        url = f"http://127.0.0.1:{node.port}"
        done = await run(["node", str(JS / "reading.mjs"), url, str(ABI), hash_text, RECEIVER])
        assert done.returncode == 0, done.stderr.decode()
        found = json.loads(done.stdout)
        signed = node.backend.views[1].block.transactions[0]
        fee = node.backend.document.fees.initial_base_fee * signed.weight
        assert found.pop("reverted").startswith("CALL_EXCEPTION")
        assert "ML-DSA" in found.pop("refused")
        assert 0 <= int(found.pop("estimate")) - signed.weight <= 8
        assert found == {
            "chainId": "36999",
            "height": 2,
            "balance": str(AI),
            "nonce": 1,
            "type": 0x6D,
            "value": str(AI),
            "creates": None,
            "prefetched": [hash_text],
            "status": 1,
            "fee": str(fee),
            "receiptLogs": 2,
            "events": ["AccountCreated", "Transferred"],
            "transfers": [[RECEIVER, str(AI), "0x" + b"memo".hex()]],
            "rewardedBlocks": [1, 2],
            "gasPrice": str(node.backend.state.base_fee),
            "code": "0xfe",
            "miningBalance": str(AI),
            "level": "2",
        }


async def test_viem_reads_the_same_over_http_and_over_a_websocket() -> None:
    async with served() as node:
        hash_text = transfer_in(node)
        urls = (f"http://127.0.0.1:{node.port}", f"ws://127.0.0.1:{node.port}")
        done = await run(
            ["node", str(JS / "viem_reading.mjs"), *urls, str(ABI), hash_text, RECEIVER]
        )
        assert done.returncode == 0, done.stderr.decode()
        answers = json.loads(done.stdout)
        found = answers["overHttp"]
        assert answers["overSocket"] == found
        signed = node.backend.views[1].block.transactions[0]
        price = str(node.backend.document.fees.initial_base_fee)
        assert "execution reverted" in found.pop("reverted")
        assert "ML-DSA" in found.pop("refused")
        assert 0 < int(found.pop("estimate")) <= signed.weight + 8
        assert found == {
            "chainId": 36999,
            "height": "2",
            "balance": str(AI),
            "nonce": 1,
            "typeHex": "0x6d",
            "value": str(AI),
            "listed": [hash_text],
            "baseFee": price,
            "price": price,
            "status": "success",
            "receiptLogs": 2,
            "transfers": [[RECEIVER, str(AI), "0x" + b"memo".hex()]],
            "gasPrice": str(node.backend.state.base_fee),
            "tip": "0",
            "covers": True,
            "code": "0xfe",
            "miningBalance": str(AI),
            "level": 2,
        }


@pytest.mark.parametrize("script", ["listening.mjs", "viem_listening.mjs"])
async def test_blocks_logs_and_pending_transactions_are_heard_of(script: str) -> None:
    async with served() as node, trio.open_nursery() as nursery:
        command = ["node", str(JS / script), f"ws://127.0.0.1:{node.port}", str(ABI)]
        process = await nursery.start(lambda task_status: _start(command, task_status))
        with trio.fail_after(DEADLINE_S):
            text = await _read_until(process, lambda said: b"ready\n" in said)
            signed = node.backend.transfer(3 * AI)
            await node.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
            node.backend.extend([signed])
            text = await _read_until(process, lambda said: said.endswith(b"}\n"))
        hash_text = "0x" + signed.id.hex()
        assert json.loads(text) == {"height": 3, "pending": hash_text, "amount": str(3 * AI)}


async def _start(command: list[str], task_status: TaskStatus[trio.Process]) -> None:
    await trio.run_process(command, stdout=subprocess.PIPE, task_status=task_status)


async def _read_until(process: trio.Process, is_done: Callable[[bytes], bool]) -> bytes:
    assert process.stdout is not None
    said = b""
    while not is_done(said):
        more = await process.stdout.receive_some()
        assert more, said
        said += more
    return said


async def cast(clients: Path, node: Served, *words: str) -> str:
    url = f"http://127.0.0.1:{node.port}"
    done = await run([str(clients / "cast"), *words, "--rpc-url", url])
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode().strip()


async def test_cast_reads_the_chain(clients: Path) -> None:
    async with served() as node:

        async def ask(*words: str) -> str:
            return await cast(clients, node, *words)

        hash_text = transfer_in(node)
        assert await ask("chain-id") == "36999"
        assert (await ask("client")).startswith("AIChain/")
        assert await ask("block-number") == "2"
        assert await ask("balance", RECEIVER) == str(AI)
        assert await ask("nonce", SENDER) == "1"
        assert await ask("gas-price") == str(node.backend.state.base_fee)
        assert await ask("base-fee", "1") == str(node.backend.document.fees.initial_base_fee)
        assert await ask("code", CONTRACT) == "0xfe"
        assert await ask("block", "1", "--field", "hash") == await _hash_of(node, 1)
        block: Any = json.loads(await ask("block", "1", "--full", "--json"))
        assert block["transactions"][0]["hash"] == hash_text
        assert await ask("tx", hash_text, "value") == str(AI)
        receipt: Any = json.loads(await ask("receipt", hash_text, "--json"))
        assert (receipt["status"], receipt["type"], len(receipt["logs"])) == ("0x1", "0x6d", 2)
        signature = "Transferred(address,address,uint256,bytes)"
        logs: Any = json.loads(await ask("logs", "--from-block", "0", "--json", signature))
        assert [log["transactionHash"] for log in logs] == [hash_text]
        call = ("call", CONTRACT, "miningBalance(address)(uint256)", RECEIVER)
        assert (await ask(*call)).startswith(str(AI))
        assert 0 <= int(await ask("estimate", RECEIVER, "--value", "1")) < 10_000
        assert json.loads(await ask("rpc", "aichain_status"))["height"] == 2


async def _hash_of(node: Served, height: int) -> str:
    view = await node.backend.block_at(height)
    assert view is not None
    return "0x" + view.block.id.hex()


async def test_cast_sends_our_envelope_and_is_told_why_not_another(clients: Path) -> None:
    async with served() as node:
        url = f"http://127.0.0.1:{node.port}"
        signed = node.backend.transfer()
        for first in ("f8", "01", "02", "03", "04"):  # legacy, and types 1 to 4
            raw = f"0x{first}f8" + "00" * 80
            refused = await run([str(clients / "cast"), "publish", raw, "--rpc-url", url])
            assert not refused.stdout
            assert "ML-DSA" in refused.stderr.decode()
        sent = await cast(clients, node, "publish", "--async", "0x6d" + signed.raw.hex())
        assert sent == "0x" + signed.id.hex()
        assert node.backend.pool.keys() == {signed.id}
        call = ["call", CONTRACT, "claimTeleport(bytes32)", "0x" + "00" * 32]
        reverted = await run([str(clients / "cast"), *call, "--rpc-url", url])
        assert "execution reverted" in reverted.stderr.decode()
