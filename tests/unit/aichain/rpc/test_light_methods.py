"""What a light client is given verifies from block 0 on, and nothing is given without a limit."""

import pytest

from aichain.cli.light_server import LightServer
from consensus.light import (
    Finality,
    genesis_trust,
    verify_ancestor_header,
    verify_finality,
    verify_receipt,
    verify_transaction,
)
from consensus.light import verify_record as verify
from genesis.limits import RPC_ANCHORS_MAX
from genesis.units import parse_address
from native.batch import verify_many
from native.hashing import hash32
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node
from vm.blocks import decode_header
from vm.commitment import StateProof
from vm.mmr import MmrProof
from vm.receipts import decode_receipt
from vm.records import account_key, decode_account

KEY = "0x" + account_key(parse_address(SENDER)).hex()


class Given:
    """A client that has its answers already."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers

    def call(self, method: str, *_params: object) -> object:
        return self.answers[method]


async def read_finality(node: Node, answer: object) -> Finality:
    """Through the light client's own eyes."""
    assert isinstance(answer, dict)
    voters = await node.call("aichain_validators", answer["height"])
    given = Given(aichain_getFinality=answer, aichain_validators=voters)
    finality = LightServer(given).finality()  # type: ignore[arg-type]  # only `call` is used
    assert finality is not None
    return finality


@pytest.mark.parametrize("height", [1, 2, 3])
async def test_finality_verifies_from_block_0(history: Node, height: int) -> None:
    answer = await history.call("aichain_getFinality", height)
    finality = await read_finality(history, answer)
    assert finality.headers[-1].height == height
    trust = genesis_trust(history.backend.document)
    reached = verify_finality(trust, finality, verify_many)
    assert reached.header.height == 3
    assert (answer["height"], answer["epoch"]) == (3, 0)


async def test_without_a_height_it_is_the_last(history: Node) -> None:
    answer = await history.call("aichain_getFinality")
    same = await history.call("aichain_getFinality", 3)
    assert (answer["height"], answer["headers"]) == (3, same["headers"])
    for unknown in (0, 4):
        assert await history.call("aichain_getFinality", unknown) is None


async def test_a_header_is_proved_under_a_later_one(history: Node) -> None:
    head = history.backend.state.head
    for height in range(3):
        answer = await history.call("aichain_getHeaderProof", height)
        header = decode_header(bytes.fromhex(answer["header"][2:]))
        assert (header.height, answer["at"]) == (height, 3)
        verify_ancestor_header(head, header, MmrProof.decode(bytes.fromhex(answer["proof"][2:])))
    assert (await history.call("aichain_getHeaderProof", 0, 2))["at"] == 2
    for unknown in ((3,), (9,), (0, 9)):
        assert await history.call("aichain_getHeaderProof", *unknown) is None
    assert await history.error("aichain_getHeaderProof", 2, 2) == (-32602, "invalid_params")


async def test_a_record_is_proved_against_a_root_in_a_final_header(history: Node) -> None:
    answer = await history.call("aichain_getStateProof", KEY)
    finality = await read_finality(history, answer["finality"])
    child = finality.headers[-1]
    assert answer["height"] == child.height - 1 == 2
    value = bytes.fromhex(answer["value"][2:])
    proof = StateProof.decode(bytes.fromhex(answer["proof"][2:]))
    verify(child, bytes.fromhex(KEY[2:]), value, proof)
    assert decode_account(value).nonce == 1
    absent = await history.call("aichain_getStateProof", "0x61" + "00" * 20)
    assert absent["value"] is None


async def test_before_anything_is_final_there_is_no_certified_state(node: Node) -> None:
    assert await node.error("aichain_getStateProof", KEY) == (-32001, "state_not_certified")


async def test_anchors_are_those_of_epochs_that_are_over(history: Node) -> None:
    assert await history.call("aichain_getAnchors", 0) == []
    last = history.backend.document.consensus.epoch_blocks
    while history.backend.state.head.height < last:
        history.backend.extend()
    [anchor] = await history.call("aichain_getAnchors", 0, RPC_ANCHORS_MAX)
    assert decode_header(bytes.fromhex(anchor["headers"][-1][2:])).height == last


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("aichain_getFinality", ["1"]),
        ("aichain_getFinality", [-1]),
        ("aichain_getAnchors", []),
        ("aichain_getAnchors", [0, RPC_ANCHORS_MAX + 1]),
        ("aichain_getAnchors", [0, 0]),
        ("aichain_getAnchors", [2**60]),
        ("aichain_getHeaderProof", []),
        ("aichain_getStateProof", ["61"]),
        ("aichain_getStateProof", ["0x"]),
        ("aichain_getStateProof", ["0x123"]),
        ("aichain_getStateProof", ["0x" + "00" * 200]),
    ],
)
async def test_wrong_params(node: Node, method: str, params: list[object]) -> None:
    assert await node.error(method, *params) == (-32602, "invalid_params")


async def test_a_transaction_and_its_receipt_are_proved_by_two_headers(history: Node) -> None:
    block = await history.call("aichain_getBlock", 2)
    for index, shown in enumerate(block["transactions"]):
        answer = await history.call("aichain_getTransactionProof", shown["hash"])
        assert (answer["height"], answer["index"], answer["count"]) == (2, index, 2)
        given = Given(aichain_getTransactionProof=answer)
        tx_id = hash32(bytes.fromhex(shown["hash"][2:]))
        claim = LightServer(given).transaction(tx_id)  # type: ignore[arg-type]  # only `call`
        assert claim is not None
        header, child = (history.backend.views[height].block.header for height in (2, 3))
        verify_transaction(header, tx_id, claim.proof)
        verify_receipt(child, claim.receipt_raw, claim.receipt_proof)
        assert decode_receipt(claim.receipt_raw).ok == shown["receipt"]["ok"]


async def test_a_transaction_that_is_not_final_has_no_proof(history: Node) -> None:
    signed = history.backend.transfer()
    await history.call("aichain_sendTransaction", "0x" + signed.raw.hex())
    for unknown in (UNKNOWN, "0x" + signed.id.hex()):
        assert await history.call("aichain_getTransactionProof", unknown) is None
