"""eth_call and what else contracts would be asked: the pseudo contract answers, others revert."""

from typing import Any

import pytest

from aichain.rpc.abi import MalformedAbi, decode_arguments, encode_arguments, selector
from aichain.rpc.ai_mining import CONTRACT, METHODS
from genesis.networks import account_key
from genesis.units import AI, format_address
from native.signatures import Algorithm, SigningKey
from tests.unit.aichain.rpc.calling import SENDER, Node
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER

PSEUDO = format_address(CONTRACT)
KEY = SigningKey.from_seed(bytes(32), Algorithm.ML_DSA_44)
VERIFY = ("verifyMLDSA(bytes,bytes,bytes)", ("bytes", "bytes", "bytes"))


def data(signature: str, kinds: tuple[str, ...], *values: bytes) -> str:
    return "0x" + (selector(signature) + encode_arguments(kinds, values)).hex()


async def result(node: Node, signature: str, kinds: tuple[str, ...], *values: bytes) -> int:
    call = {"to": PSEUDO, "data": data(signature, kinds, *values)}
    return int(await node.call("eth_call", call, "latest"), 16)


def test_the_selectors_are_those_of_the_specification() -> None:
    assert {raw.hex() for raw in METHODS} == {"d3d7bc64", "e7b7aeeb", "ffbc64d2", "7e4fdebc"}


async def test_a_balance_is_that_after_the_last_final_block(history: Node) -> None:
    assert await result(history, "miningBalance(address)", ("address",), STRANGER) == AI
    assert await result(history, "miningBalance(address)", ("address",), bytes(20)) == 0


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_signatures_are_really_verified_under_an_empty_context(
    node: Node, algorithm: Algorithm
) -> None:
    key = SigningKey.from_seed(bytes(32), algorithm)
    good, other = key.sign(b"message", b""), key.sign(b"message", b"context")
    assert await result(node, *VERIFY, key.public_key, b"message", good) == 1
    assert await result(node, *VERIFY, key.public_key, b"massage", good) == 0
    assert await result(node, *VERIFY, key.public_key, b"message", other) == 0
    assert await result(node, *VERIFY, key.public_key, b"message", good[:-1]) == 0
    assert await result(node, *VERIFY, b"", b"message", good) == 0


async def test_keys_have_a_level_and_an_address(node: Node) -> None:
    key = account_key(NETWORK, 0).public_key
    found = await result(node, "deriveAddress(bytes)", ("bytes",), key)
    assert found == int(SENDER, 16)
    assert await result(node, "getSecurityLevel(bytes)", ("bytes",), KEY.public_key) == 2
    assert await result(node, "getSecurityLevel(bytes)", ("bytes",), key) == 3


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"to": SENDER},
        {"to": PSEUDO},
        {"to": PSEUDO, "data": "0x31c86278" + "00" * 32},  # pendingTeleports
        {"to": PSEUDO, "input": "0xd3d7bc64"},  # no argument
        {"to": PSEUDO, "input": "0xd3d7bc64" + "ff" * 32},  # no address
        {"to": PSEUDO, "input": data("deriveAddress(bytes)", ("bytes",), b"no key")},
        {"to": PSEUDO, "input": "0x7e4fdebc" + "ff" * 64},
    ],
)
async def test_everything_else_reverts(node: Node, call: dict[str, Any]) -> None:
    response = await node.ask("eth_call", [call, "latest"])
    assert response["error"]["code"] == 3
    assert response["error"]["message"].startswith("execution reverted: ")
    assert response["error"]["data"]["code"] == "execution_reverted"


async def test_calls_of_old_states_and_of_too_much_data_are_refused(history: Node) -> None:
    call = {"to": PSEUDO, "data": data("miningBalance(address)", ("address",), STRANGER)}
    assert await history.error("eth_call", call, "0x1") == (-32001, "state_not_kept")
    large = {"to": PSEUDO, "data": "0x" + "00" * (64 * 1024 + 1)}
    assert await history.error("eth_call", large, "latest") == (-32602, "invalid_params")


@pytest.mark.parametrize("used", [True, False])
async def test_an_estimate_is_the_weight_of_the_transfer_that_is_signed(
    history: Node, used: bool
) -> None:
    signed = history.backend.transfer(account=0 if used else 3)
    call = {
        "from": format_address(signed.transaction.sender),
        "to": format_address(STRANGER),
        "value": hex(AI),
        "data": "0x" + b"memo".hex(),
        "gasPrice": "0x1",
    }
    estimate = int(await history.call("eth_estimateGas", call), 16)
    assert 0 <= estimate - signed.weight <= 8  # a height in msgpack has one to nine bytes


@pytest.mark.parametrize(
    "call",
    [
        {"data": "0x6000"},
        {"to": PSEUDO},
        {"to": SENDER, "data": "0x" + "00" * 65},
        {"to": SENDER, "value": hex(2**128)},
    ],
)
async def test_what_is_no_transfer_has_no_estimate(node: Node, call: dict[str, Any]) -> None:
    assert await node.error("eth_estimateGas", call) == (3, "execution_reverted")


async def test_only_the_pseudo_contract_has_code_and_nothing_has_storage(node: Node) -> None:
    assert await node.call("eth_getCode", PSEUDO, "latest") == "0xfe"
    assert await node.call("eth_getCode", SENDER) == "0x"
    assert await node.call("eth_getStorageAt", PSEUDO, "0x0", "latest") == "0x" + "00" * 32


async def test_sha3_is_keccak(node: Node) -> None:
    expected = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert await node.call("web3_sha3", "0x") == expected


def test_arguments_are_read_as_they_are_written() -> None:
    kinds = ("address", "bytes", "uint64", "bool", "bytes32", "bytes")
    values = (STRANGER, b"", 2**64 - 1, True, bytes(range(32)), bytes(range(70)))
    assert decode_arguments(kinds, encode_arguments(kinds, values)) == values
    for kind, raw in (("uint64", 2**64), ("bool", 2), ("address", 2**160)):
        with pytest.raises(MalformedAbi):
            decode_arguments((kind,), raw.to_bytes(32, "big"))
