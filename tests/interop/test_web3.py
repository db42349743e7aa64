"""web3.py 8, unmodified: over HTTP, over WebSocket in binary frames, and against a whole node."""

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
import trio
from hexbytes import HexBytes
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import BlockNotFound, ContractLogicError, Web3RPCError
from web3.logs import DISCARD
from web3.types import RPCEndpoint, TxParams, Wei

from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from tests.integration.nodes import cluster, public_account, transfer, until
from tests.ports import free_port
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER
from tests.unit.aichain.rpc.serving import served

SENDER = Web3.to_checksum_address(
    format_address(address_of_key(account_key(NETWORK, 0).public_key))
)
RECEIVER = Web3.to_checksum_address(format_address(STRANGER))
PSEUDO = Web3.to_checksum_address("0x" + f"{0x300:040x}")
ABI = json.loads((files("aichain.rpc") / "ai_mining.json").read_text(encoding="utf-8"))


async def over_http(check: Callable[[Web3], None]) -> None:
    async with served() as node:

        def run() -> None:
            with requests.Session() as session:
                url = f"http://127.0.0.1:{node.port}"
                check(Web3(HTTPProvider(url, session=session)))

        await trio.to_thread.run_sync(run)


async def test_http_connection_identity_and_balances() -> None:
    def check(web3: Web3) -> None:
        assert web3.is_connected()
        assert web3.client_version.startswith("AIChain/v0.1.0/")
        assert web3.eth.chain_id == 36999
        assert web3.net.version == "36999"
        assert web3.net.listening
        assert web3.net.peer_count == 3
        assert not web3.eth.accounts
        assert web3.eth.syncing is False
        assert web3.eth.block_number == 2
        assert web3.eth.get_balance(RECEIVER) == AI
        assert web3.eth.get_balance(SENDER, "finalized") > 0
        assert web3.eth.get_transaction_count(SENDER) == 1
        assert web3.eth.get_transaction_count(SENDER, "pending") == 1

    await over_http(check)


async def test_http_blocks_pass_web3s_own_formatters() -> None:
    def check(web3: Web3) -> None:
        latest = web3.eth.get_block("latest")
        assert latest["number"] == 2
        block = web3.eth.get_block(1)
        assert latest["parentHash"] == block["hash"]
        assert web3.eth.get_block(block["hash"]) == block
        (tx_hash,) = block["transactions"]
        full = web3.eth.get_block(1, full_transactions=True)
        (transaction,) = full["transactions"]
        assert not isinstance(transaction, bytes)
        assert transaction["hash"] == tx_hash
        assert transaction["from"] == SENDER
        assert transaction["to"] == RECEIVER
        assert transaction["value"] == AI
        assert len(block["extraData"]) <= 32
        assert block["miner"] == Web3.to_checksum_address(block["miner"])
        with pytest.raises(BlockNotFound):
            web3.eth.get_block(99)

    await over_http(check)


async def test_http_transactions_receipts_and_prices() -> None:
    def check(web3: Web3) -> None:
        (name,) = web3.eth.get_block(1)["transactions"]
        assert isinstance(name, bytes)
        transaction = web3.eth.get_transaction(name)
        assert transaction == web3.eth.get_transaction_by_block(1, 0)
        receipt = web3.eth.wait_for_transaction_receipt(name)
        assert receipt["status"] == 1
        assert receipt["gasUsed"] == transaction["gas"]
        assert [receipt] == web3.eth.get_block_receipts(1)
        assert web3.eth.get_block_transaction_count(1) == 1
        assert web3.eth.gas_price > 0
        assert web3.eth.max_priority_fee == 0
        history = web3.eth.fee_history(2, "latest", [10, 90])
        assert history["baseFeePerGas"][-1] == web3.eth.gas_price
        assert history["baseFeePerGas"][0] == receipt["effectiveGasPrice"]
        call: TxParams = {"from": SENDER, "to": RECEIVER, "value": Wei(1)}
        assert 0 < web3.eth.estimate_gas(call) < transaction["gas"]
        assert web3.eth.get_code(PSEUDO) == b"\xfe"
        assert not any(web3.eth.get_storage_at(PSEUDO, 0))

    await over_http(check)


async def test_http_the_abi_of_the_package_decodes_logs_and_calls() -> None:
    def check(web3: Web3) -> None:
        contract = web3.eth.contract(PSEUDO, abi=ABI)
        (transferred,) = contract.events.Transferred().get_logs(from_block=0)
        expected = {"sender": SENDER, "to": RECEIVER, "amount": AI, "memo": b"memo"}
        assert dict(transferred["args"]) == expected
        receipt = web3.eth.get_transaction_receipt(transferred["transactionHash"])
        (created,) = contract.events.AccountCreated().process_receipt(receipt, errors=DISCARD)
        assert created["args"]["address"] == RECEIVER
        rewarded = contract.events.BlockRewarded().get_logs(from_block=0)
        assert [log["blockNumber"] for log in rewarded] == [1, 2]
        assert rewarded[0]["args"]["proposer"] == web3.eth.get_block(1)["miner"]
        assert contract.functions.miningBalance(RECEIVER).call() == AI
        key = account_key(NETWORK, 0)
        signed = (key.public_key, b"message", key.sign(b"message", b""))
        assert contract.functions.verifyMLDSA(*signed).call() is True
        assert contract.functions.deriveAddress(key.public_key).call() == SENDER
        with pytest.raises(ContractLogicError, match="execution reverted"):
            contract.functions.getSecurityLevel(b"no key").call()

    await over_http(check)


async def test_http_filters_are_polled() -> None:
    async with served() as node:

        def run() -> None:
            with requests.Session() as session:
                url = f"http://127.0.0.1:{node.port}"
                web3 = Web3(HTTPProvider(url, session=session))
                blocks, pending = web3.eth.filter("latest"), web3.eth.filter("pending")
                logs = web3.eth.contract(PSEUDO, abi=ABI).events.BlockRewarded.create_filter(
                    from_block="latest"
                )
                signed = node.backend.transfer()
                name = web3.eth.send_raw_transaction(b"\x6d" + signed.raw)
                trio.from_thread.run_sync(node.backend.extend)
                found: list[Any] = [*blocks.get_new_entries()]
                assert found == [web3.eth.get_block(3)["hash"]]
                assert [log["blockNumber"] for log in logs.get_new_entries()] == [3]
                found = [*pending.get_new_entries()]
                assert found == [name]
                assert not blocks.get_new_entries()
                assert blocks.filter_id is not None
                assert web3.eth.uninstall_filter(blocks.filter_id)

        await trio.to_thread.run_sync(run)


async def test_websocket_logs_and_pending_transactions() -> None:
    async with served() as node:
        token = trio.lowlevel.current_trio_token()
        signed = node.backend.transfer()

        async def talk() -> dict[str, Any]:
            async with AsyncWeb3(WebSocketProvider(f"ws://127.0.0.1:{node.port}")) as web3:
                topic = Web3.keccak(text="Transferred(address,address,uint256,bytes)")
                logs = await web3.eth.subscribe("logs", {"address": PSEUDO, "topics": [topic]})
                names = {
                    logs: "logs",
                    await web3.eth.subscribe("newPendingTransactions"): "pending",
                }
                await web3.eth.send_raw_transaction(signed.raw)
                token.run_sync_soon(node.backend.extend, [signed])
                heard: dict[str, Any] = {}
                async for message in web3.socket.process_subscriptions():
                    heard[names[message["subscription"]]] = message["result"]
                    if len(heard) == 2:
                        return heard
                raise AssertionError("the connection ended")

        def run() -> dict[str, Any]:
            return asyncio.run(asyncio.wait_for(talk(), timeout=20))

        heard = await trio.to_thread.run_sync(run)
        assert bytes(heard["pending"]) == signed.id
        assert bytes(heard["logs"]["transactionHash"]) == signed.id


async def test_http_batches_and_own_methods() -> None:
    def check(web3: Web3) -> None:
        with web3.batch_requests() as batch:
            batch.add(web3.eth.get_block(0))
            batch.add(web3.eth.get_block(1))
            batch.add(web3.eth.get_balance(RECEIVER))
            blocks = batch.execute()
        assert blocks == [web3.eth.get_block(0), web3.eth.get_block(1), AI]
        answer = web3.provider.make_request(RPCEndpoint("aichain_status"), [])
        assert answer["result"]["height"] == 2

    await over_http(check)


async def test_http_what_is_not_served_is_an_error_with_a_reason() -> None:
    def check(web3: Web3) -> None:
        with pytest.raises(Web3RPCError, match="ML-DSA"):
            web3.eth.send_raw_transaction("0x02f8" + "00" * 80)  # type: ignore[arg-type]
        with pytest.raises(Web3RPCError, match="StateNotKept"):
            web3.eth.get_balance(RECEIVER, 1)
        with pytest.raises(Web3RPCError, match="MethodNotFound"):
            web3.eth.sign(RECEIVER, text="message")

    await over_http(check)


async def test_websocket_calls_and_new_heads_in_binary_frames() -> None:
    async with served() as node:
        token = trio.lowlevel.current_trio_token()

        def extend() -> None:
            node.backend.extend()

        async def talk() -> list[int]:
            async with AsyncWeb3(WebSocketProvider(f"ws://127.0.0.1:{node.port}")) as web3:
                assert await web3.is_connected()
                assert await web3.eth.chain_id == 36999
                assert (await web3.eth.get_block("latest"))["number"] == 2
                await web3.eth.subscribe("newHeads")
                token.run_sync_soon(extend)
                token.run_sync_soon(extend)
                heights = []
                async for message in web3.socket.process_subscriptions():
                    heights.append(message["result"]["number"])
                    if len(heights) == 2:
                        return heights
                raise AssertionError("the connection ended")

        def run() -> list[int]:
            return asyncio.run(asyncio.wait_for(talk(), timeout=20))

        assert await trio.to_thread.run_sync(run) == [3, 4]


async def test_a_whole_node_is_read_like_any_other_chain(tmp_path: Path) -> None:
    port = free_port()
    payer, payee = public_account(0), public_account(1)
    payer_text, payee_text = (
        Web3.to_checksum_address(format_address(address_of_key(key.public_key)))
        for key in (payer, payee)
    )
    async with cluster(tmp_path, 1) as net:
        running = await net.start(0, rpc_port=port)
        signed = transfer(net, payer, nonce=0, to=payee, amount=3 * AI)

        def check() -> None:
            with requests.Session() as session:
                web3 = Web3(HTTPProvider(f"http://127.0.0.1:{port}", session=session))
                assert web3.eth.chain_id == net.document.network_id
                before = web3.eth.get_balance(payee_text)
                assert bytes(web3.eth.send_raw_transaction(signed.raw)) == signed.id
                trio.from_thread.run(until, lambda: chain.locate(signed.id) is not None)
                place = chain.locate(signed.id)
                assert place is not None
                block = web3.eth.get_block(place.height, full_transactions=True)
                (transaction,) = block["transactions"]
                assert not isinstance(transaction, bytes)
                assert bytes(transaction["hash"]) == signed.id
                assert transaction["value"] == 3 * AI
                assert (transaction["from"], transaction["to"]) == (payer_text, payee_text)
                parent = web3.eth.get_block(block["parentHash"])
                assert parent["number"] == place.height - 1
                assert web3.eth.block_number >= place.height
                assert web3.eth.get_balance(payee_text) == before + 3 * AI
                assert web3.eth.get_transaction_count(payer_text) == 1
                receipt = web3.eth.get_transaction_receipt(HexBytes(signed.id))
                assert (receipt["status"], receipt["blockNumber"]) == (1, place.height)
                contract = web3.eth.contract(PSEUDO, abi=ABI)
                (log,) = contract.events.Transferred.get_logs(from_block=0)
                assert bytes(log["transactionHash"]) == signed.id
                key = (payee.public_key, b"message", payee.sign(b"message", b""))
                assert contract.functions.verifyMLDSA(*key).call() is True
                assert contract.functions.verifyMLDSA(key[0], b"", key[2]).call() is False
                fees = web3.eth.fee_history(3, "latest")
                assert fees["baseFeePerGas"][-1] >= net.document.fees.min_base_fee
                assert (
                    web3.eth.get_block(fees["oldestBlock"])["baseFeePerGas"]
                    == (fees["baseFeePerGas"][0])
                )

        chain = running.node.chain
        await until(lambda: running.height >= 1)
        await trio.to_thread.run_sync(check)
