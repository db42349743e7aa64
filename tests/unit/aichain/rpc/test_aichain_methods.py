"""aichain_*: shapes, statuses, proofs and certificates that verify, errors by name."""

from dataclasses import replace

import pytest

from aichain.rpc.backend import JoinProgress
from aichain.rpc.statuses import JoinStage, Voting
from consensus.quorum import reaches_quorum
from consensus.votes import VOTE_CONTEXT
from genesis.units import AI, format_address
from native.backends import view_engines
from native.engine import EngineFault
from native.signatures import verify
from tests.clocks import FixedClock
from tests.unit.aichain.rpc.calling import SENDER, UNKNOWN, Node
from tests.unit.aichain.rpc.fake_backend import STRANGER
from vm.blocks import decode_header
from vm.bodies import Role
from vm.commitment import StateProof, verify_proof
from vm.records import decode_account
from vm.transactions import Stake, decode_transaction


async def test_status_names_everything_the_issue_asks_for(history: Node) -> None:
    status = await history.call("aichain_status")
    wanted = (
        "network chainId genesisHash nodeId height blockHash stateRoot finalizedAtMs peers "
        "validatorIndex syncing version"
    )
    assert set(wanted.split()) <= set(status)
    assert (status["network"], status["chainId"], status["height"]) == ("devnet", 36999, 3)
    assert status["stateRoot"] == "0x" + history.backend.state.root.hex()
    assert int(status["baseFee"]) == history.backend.state.base_fee


async def test_status_tells_a_standing_chain_by_the_age_of_its_last_block(history: Node) -> None:
    status = await history.call("aichain_status")
    assert status["finalizedAgoMs"] == status["nowMs"] - status["finalizedAtMs"] > 0
    history.context = replace(history.context, clock=FixedClock(status["finalizedAtMs"] - 7))
    assert (await history.call("aichain_status"))["finalizedAgoMs"] == 0


@pytest.mark.parametrize("voting", Voting)
async def test_status_says_whether_a_validator_votes(history: Node, voting: Voting) -> None:
    history.backend.voting = voting
    assert (await history.call("aichain_status"))["voting"] == voting.value


@pytest.mark.parametrize("store", ["index", "archive"])
async def test_status_tells_of_trouble_with_a_store_while_there_is_some(
    history: Node, store: str
) -> None:
    assert f"{store}Trouble" not in await history.call("aichain_status")
    setattr(history.backend, f"{store}_trouble", "the disk is full")
    assert (await history.call("aichain_status"))[f"{store}Trouble"] == "the disk is full"


async def test_status_names_the_engines_and_who_is_in_quarantine(history: Node) -> None:
    status = await history.call("aichain_status")
    engines = view_engines()
    assert (status["signatureEngine"], status["hashEngine"]) == (engines.verifies, engines.hashes)
    assert status["accelerators"] == list(engines.accelerators)
    assert status["kernelsCompiled"] is engines.is_compiled
    assert "engineTrouble" not in status
    history.backend.engines = replace(engines, faults=(EngineFault("abacus", "it is wooden"),))
    trouble = (await history.call("aichain_status"))["engineTrouble"]
    assert trouble == "abacus is in quarantine: it is wooden"


async def test_status_tells_how_far_a_snapshot_is_while_one_is_fetched(history: Node) -> None:
    assert "snapshotPart" not in await history.call("aichain_status")
    history.backend.joining = JoinProgress(JoinStage.FETCHING, 5_120, 12, 85)
    status = await history.call("aichain_status")
    assert status["snapshotStage"] == "fetching"
    assert (status["snapshotHeight"], status["snapshotPart"]) == (5_120, 12)
    assert status["snapshotParts"] == 85


async def test_status_tells_how_far_accounts_are_indexed_where_they_are(history: Node) -> None:
    assert "indexedHeight" not in await history.call("aichain_status")
    history.backend.indexed_height = 2
    assert (await history.call("aichain_status"))["indexedHeight"] == 2


async def test_both_namespaces_say_the_same_of_a_sync(history: Node) -> None:
    for history.backend.syncing in (False, True):
        status, eth = await history.call("aichain_status"), await history.call("eth_syncing")
        assert status["syncing"] is bool(eth)
    assert int(eth["currentBlock"], 16) == status["height"]
    assert int(eth["highestBlock"], 16) == status["targetHeight"]


async def test_status_tells_of_a_wrong_clock_while_it_is_wrong(history: Node) -> None:
    status = await history.call("aichain_status")
    assert (status["clockOffsetMs"], "clockTrouble" in status) == (0, False)
    history.backend.clock_trouble = "the clock is behind"
    status = await history.call("aichain_status")
    assert (status["clockOffsetMs"], status["clockTrouble"]) == (-900, "the clock is behind")


async def test_a_block_is_found_by_height_by_hash_and_as_latest(history: Node) -> None:
    by_height = await history.call("aichain_getBlock", 2)
    assert by_height == await history.call("aichain_getBlock", by_height["hash"])
    assert (await history.call("aichain_getBlock", "latest"))["height"] == 3
    assert (await history.named("aichain_getBlock", heightOrHash=0))["height"] == 0
    assert await history.call("aichain_getBlock", 4) is None
    assert await history.call("aichain_getBlock", UNKNOWN) is None


async def test_a_block_shows_header_transactions_and_receipts(history: Node) -> None:
    parent, block = [await history.call("aichain_getBlock", h) for h in (1, 2)]
    assert block["parentHash"] == parent["hash"]
    assert block["parentStateRoot"] == parent["stateRoot"]
    assert block["final"]
    assert block["finalizedAtMs"] == block["timestampMs"] + 40
    assert block["transactionCount"] == len(block["transactions"]) == 2
    paid, failed = block["transactions"]
    assert paid["sender"] == SENDER
    assert paid["body"] == {
        "to": format_address(STRANGER),
        "amount": str(AI),
        "memo": "0x" + b"memo".hex(),
    }
    assert paid["receipt"]["ok"]
    assert int(paid["receipt"]["feeBurned"]) > 0
    assert not failed["receipt"]["ok"]
    assert failed["receipt"]["error"]
    validators = (await history.call("aichain_validators"))["validators"]
    assert block["proposer"] == validators[block["proposerIndex"]]["address"]


async def test_block_zero_has_no_proposer(history: Node) -> None:
    block = await history.call("aichain_getBlock", 0)
    assert block["proposer"] is None
    assert block["transactions"] == []


async def test_a_transaction_goes_from_pending_over_included_to_final(history: Node) -> None:
    signed = history.backend.transfer()
    tx_hash = await history.call("aichain_sendTransaction", "0x" + signed.raw.hex())
    assert tx_hash == "0x" + signed.id.hex()
    pending = await history.call("aichain_getTransaction", tx_hash)
    assert (pending["status"], pending["height"], pending["receipt"]) == ("pending", None, None)
    history.backend.extend([signed], final=False)
    history.backend.pool.clear()
    assert (await history.call("aichain_getTransaction", tx_hash))["status"] == "included"
    history.backend.extend([signed])
    history.backend.unfinalized.clear()
    final = await history.call("aichain_getTransaction", tx_hash)
    assert (final["status"], final["height"], final["index"]) == ("final", 4, 0)
    assert final["receipt"]["events"][0]["kind"]
    assert decode_transaction(bytes.fromhex(final["raw"][2:])) == signed


async def test_a_failed_transaction_says_which_rule_it_broke(history: Node) -> None:
    block = await history.call("aichain_getBlock", 2)
    failed = await history.call("aichain_getTransaction", block["transactions"][1]["hash"])
    assert failed["status"] == "failed"
    assert failed["receipt"]["error"] == block["transactions"][1]["receipt"]["error"]
    assert await history.call("aichain_getTransaction", UNKNOWN) is None


async def test_an_account_shows_what_it_owns_and_its_next_nonce(history: Node) -> None:
    account = await history.call("aichain_getAccount", SENDER)
    assert (account["nonce"], account["pendingNonce"], account["height"]) == (1, 1, 3)
    await history.call("aichain_sendTransaction", history.backend.transfer().raw.hex())
    assert (await history.call("aichain_getAccount", SENDER))["pendingNonce"] == 2
    receiver = await history.call("aichain_getAccount", format_address(STRANGER))
    assert receiver["balance"] == str(AI)
    unused = await history.call("aichain_getAccount", "0x" + "11" * 20)
    assert (unused["exists"], unused["balance"], unused["nonce"]) == (False, "0", 0)
    founder = (await history.call("aichain_validators"))["validators"][0]["address"]
    assert int((await history.call("aichain_getAccount", founder))["staked"]) > 0


async def test_a_proof_verifies_against_the_next_header(history: Node) -> None:
    proofs = [
        await history.call("aichain_getProof", address) for address in (SENDER, "0x" + "11" * 20)
    ]
    history.backend.extend()
    next_block = await history.call("aichain_getBlock", proofs[0]["height"] + 1)
    for proof in proofs:
        value = None if proof["value"] is None else bytes.fromhex(proof["value"][2:])
        assert proof["stateRoot"] == next_block["parentStateRoot"]
        assert verify_proof(
            bytes.fromhex(next_block["parentStateRoot"][2:]),
            bytes.fromhex(proof["key"][2:]),
            value,
            StateProof.decode(bytes.fromhex(proof["proof"][2:])),
        )
    assert decode_account(bytes.fromhex(proofs[0]["value"][2:])).nonce == 1
    assert proofs[1]["value"] is None


async def test_a_commit_can_be_verified_by_a_stranger(history: Node) -> None:
    """With nothing but the answers: signatures, their weight, and the header path down."""
    commit = await history.call("aichain_commit", 1)
    certificate = commit["certificate"]
    validators = (await history.call("aichain_validators", 1))["validators"]
    message = bytes.fromhex(certificate["signedMessage"][2:])
    assert bytes.fromhex(certificate["blockHash"][2:]) in message
    weight = 0
    for signer in certificate["signers"]:
        known = validators[signer["index"]]
        assert known["address"] == signer["address"]
        weight += int(known["stake"])
        assert verify(
            bytes.fromhex(known["publicKey"][2:]),
            message,
            VOTE_CONTEXT,
            bytes.fromhex(signer["signature"][2:]),
        )
    assert weight == int(certificate["weight"])
    assert reaches_quorum(weight, int(certificate["totalStake"]))
    wanted = certificate["blockHash"]
    for shown in commit["headers"]:
        header = decode_header(bytes.fromhex(shown["raw"][2:]))
        assert "0x" + header.id.hex() == shown["hash"] == wanted
        wanted = shown["parentHash"]
    assert commit["headers"][-1]["hash"] == commit["blockHash"]
    assert commit["headers"][-1]["height"] == 1
    assert await history.call("aichain_commit", 0) is None
    assert await history.call("aichain_commit", 99) is None


async def test_validators_lists_the_set_and_everyone_registered(history: Node) -> None:
    shown = await history.call("aichain_validators")
    assert shown["height"] == 4
    assert [each["index"] for each in shown["validators"]] == [0, 1, 2, 3]
    assert int(shown["totalStake"]) == sum(int(each["stake"]) for each in shown["validators"])
    assert [each["setIndex"] for each in shown["registered"]] == [0, 1, 2, 3]
    assert await history.error("aichain_validators", 100_000) == (-32001, "unknown_resource")
    assert await history.error("aichain_validators", 0) == (-32001, "unknown_resource")


async def test_supply_adds_up(history: Node) -> None:
    supply = {name: int(value) for name, value in (await history.call("aichain_supply")).items()}
    assert supply["total"] == supply["genesis"] + supply["minted"] - supply["burned"]
    parts = ("balances", "staked", "unbonding", "treasury", "aiPool", "voterPool")
    assert supply["total"] == sum(supply[part] for part in parts)
    assert supply["burned"] > 0


async def test_peers_and_mempool(history: Node) -> None:
    peers = await history.call("aichain_peers")
    assert len(peers) == 4
    assert peers[0]["direction"] == "outbound"
    assert peers[0]["validatorKey"] is None
    for ahead in range(3):
        signed = history.backend.transfer(ahead=ahead)
        await history.call("aichain_sendTransaction", signed.raw.hex())
    pool = await history.call("aichain_mempool", 2)
    assert (pool["count"], len(pool["transactions"])) == (3, 2)
    assert pool["sizeBytes"] > 3 * 3309
    assert (await history.call("aichain_mempool", 0))["transactions"] == []


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("aichain_getBlock", [], "invalid_params"),
        ("aichain_getBlock", [-1], "invalid_params"),
        ("aichain_getBlock", [1.5], "invalid_params"),
        ("aichain_getBlock", [True], "invalid_params"),
        ("aichain_getBlock", ["0x12"], "invalid_params"),
        ("aichain_getBlock", ["latest\n"], "invalid_params"),
        ("aichain_getBlock", [2**64], "invalid_params"),
        ("aichain_getBlock", [1, 2], "invalid_params"),
        ("aichain_getBlock", {"height": 1}, "invalid_params"),
        ("aichain_getTransaction", ["ab" * 32], "invalid_params"),
        ("aichain_getTransaction", [None], "invalid_params"),
        ("aichain_getAccount", ["0x1234"], "invalid_params"),
        ("aichain_getAccount", [SENDER.swapcase().replace("X", "x")], "invalid_address"),
        ("aichain_getProof", [12], "invalid_params"),
        ("aichain_sendTransaction", ["0xabc"], "invalid_params"),
        ("aichain_sendTransaction", ["xyz"], "invalid_params"),
        ("aichain_sendTransaction", ["0x" + "00" * 70_000], "invalid_params"),
        ("aichain_mempool", [1001], "invalid_params"),
        ("aichain_commit", ["1"], "invalid_params"),
        ("aichain_subscribe", ["oldBlocks"], "invalid_params"),
        ("aichain_status", [1], "invalid_params"),
        ("eth_getBalance", ["0x1234", "latest"], "invalid_params"),
        ("eth_getBlockByNumber", ["0x01", False], "invalid_params"),
        ("eth_getBlockByNumber", ["latest", "yes"], "invalid_params"),
    ],
)
async def test_wrong_params_are_minus_32602(
    node: Node, method: str, params: object, code: str
) -> None:
    error = (await node.ask(method, params))["error"]
    assert (error["code"], error["data"]["code"]) == (-32602, code)


@pytest.mark.parametrize(
    "method", ["", "nope", "aichain_", "eth_sendTransaction", "__init__", "aichain_setBlockedPeers"]
)
async def test_unknown_methods_are_minus_32601(node: Node, method: str) -> None:
    assert await node.error(method) == (-32601, "method_not_found")


async def test_subscribing_needs_a_websocket(node: Node) -> None:
    for method, topic in (("aichain_subscribe", "newBlocks"), ("eth_subscribe", "newHeads")):
        assert await node.error(method, topic) == (-32004, "web_socket_needed")
    assert (await node.error("aichain_unsubscribe", "0x1"))[1] == "web_socket_needed"


async def test_a_refused_transaction_names_the_rule(history: Node) -> None:
    backend = history.backend
    signed = backend.transfer()
    forged = signed.raw[:-1] + bytes([signed.raw[-1] ^ 1])
    overspend = backend.transfer(10**9 * AI)
    wrong_network = backend.transfer(network_id=1)
    await history.call("aichain_sendTransaction", forged.hex())  # signatures are the node's work
    for raw, number, code in (
        (signed.raw[:-1], -32010, "decode_error"),
        (b"", -32010, "decode_error"),
        (signed.raw + b"\x00", -32010, "decode_error"),
        (b"\xc1" * 100, -32010, "decode_error"),
        (wrong_network.raw, -32003, "wrong_network"),
        (overspend.raw, -32003, "insufficient_balance"),
    ):
        assert await history.error("aichain_sendTransaction", raw.hex()) == (number, code)
    backend.extend([signed])
    response = await history.ask("aichain_sendTransaction", [signed.raw.hex()])
    assert response["error"]["code"] == -32003
    assert response["error"]["data"] == {"code": "nonce_mismatch", "expected": "2", "given": "1"}


async def test_staking_bodies_are_shown(history: Node) -> None:
    signed = history.backend.sign(Stake(Role.VALIDATOR, STRANGER, AI), account=2)
    history.backend.pool[signed.id] = signed
    (shown,) = (await history.call("aichain_mempool"))["transactions"]
    assert shown["kind"] == "stake"
    assert shown["body"] == {
        "role": "validator",
        "target": format_address(STRANGER),
        "amount": str(AI),
    }
