"""A server that answers wrong types deep in its answers: two lines and an exit code, no more."""

import copy
import random
from collections.abc import Iterator
from typing import Any, Final

import pytest
from click.testing import CliRunner

from aichain.cli import main
from aichain.cli.exit_codes import EXIT_CODES
from genesis.networks import account_key
from genesis.units import address_of_key, format_address
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving
from tests.unit.aichain.cli.test_query_consensus import COMMITTEE, CORE, EVIDENCE, UPTIME
from tests.unit.aichain.cli.whole_answers import whole

OWN: Final = format_address(address_of_key(account_key("testnet", 0).public_key))
HASH: Final = "0x" + "ab" * 32
PEER: Final = "12D3KooWA6v9m5wjhYMJ3faaZNH2ze5WcESaVmfyphv7ywYf6i5H"
STATUS: Final = {
    "network": "testnet",
    "chainId": 36964,
    "nodeId": PEER,
    "height": 7,
    "nowMs": 1,
    "syncing": False,
    "peers": 3,
    "baseFee": "1000",
    "accountCreationFee": "1000",
}
UNBONDING: Final = {"amount": "5", "maturesAt": 9, "role": "validator", "target": OWN}
ROW: Final = {"index": 0, "address": OWN, "stake": "2000", "peerId": PEER, "publicKey": "0x00"}
REGISTERED: Final = {
    "address": OWN,
    "registration": 0,
    "stake": "2000",
    "commissionBps": 0,
    "peerId": PEER,
    "jailedUntil": 0,
    "tombstoned": False,
    "onionRenewals": 0,
}
CERTIFICATE: Final = {"weight": "3", "signers": [{"index": 0, "address": OWN, "stake": "3"}]}
RECEIPT: Final = {
    "ok": True,
    "error": None,
    "feeBurned": "5",
    "tip": "0",
    "events": [{"kind": "unstaked", "amount": "5", "maturesAt": 9}],
}
PARTS: Final[dict[str, Any]] = {
    "aichain_status": STATUS,
    "aichain_getBlock": {"height": 7, "hash": HASH, "transactions": [{"hash": HASH}]},
    "aichain_getTransaction": {"hash": HASH, "status": "final", "height": 7, "receipt": RECEIPT},
    "aichain_getAccount": {
        "address": OWN,
        "exists": True,
        "balance": "9",
        "nonce": 0,
        "pendingNonce": 0,
        "height": 7,
        "unbonding": [UNBONDING],
        "algorithm": None,
    },
    "aichain_getProof": {"address": OWN, "value": None, "proof": "0x"},
    "aichain_validators": {"height": 7, "validators": [ROW], "registered": [REGISTERED]},
    "aichain_commit": {"height": 7, "certificate": CERTIFICATE, "headers": [{"height": 7}]},
    "aichain_peers": [{"peerId": PEER, "address": "/ip4/1.2.3.4/tcp/1", "score": 100}],
    "aichain_mempool": {"count": 0, "sizeBytes": 0, "transactions": []},
    "aichain_supply": {"height": 7, "total": "9"},
    "aichain_consensusState": CORE,
    "aichain_committee": COMMITTEE,
    "aichain_evidence": EVIDENCE,
    "aichain_validatorUptime": UPTIME,
    "aichain_sendTransaction": HASH,
}
ANSWERS: Final = {method: whole(method, members) for method, members in PARTS.items()}
SEND: Final = ("--from", "account:0", "--wait", "--timeout", "0.001")
COMMANDS: Final = (
    *(("query", name) for name in ("status", "block", "validators", "supply", "peers", "mempool")),
    *(("query", name) for name in ("consensus", "committee", "evidence", "uptime")),
    *(("query", "account", OWN), ("query", "account", OWN, "--proof")),
    *(("query", "commit", "7"), ("query", "tx", HASH)),
    ("tx", "send", "--to", OWN, "--amount", "1", *SEND),
    *(("tx", "register-validator", *SEND), ("tx", "renew-onion", *SEND), ("tx", "withdraw", *SEND)),
)
WRONG: Final[tuple[Any, ...]] = (
    *(None, True, -1, 1.5, 2**63, 10**30, float("inf"), "", "x", "\u0663", "\u00b2", "9" * 5_000),
    *("9" * 39, "\ud800", [], {}, [[]], [None], [{}], {"a": 1}, {"a": [1]}, ["x"]),
)


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        yield node


def places(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a value; of a list the first item stands for all."""
    yield before
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*before, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*before, 0))


def spoiled(value: Any, place: tuple[str | int, ...], wrong: object) -> Any:
    """The same with another value at a place."""
    if not place:
        return wrong
    inner = changed = copy.deepcopy(value)
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = wrong
    return changed


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_wrong_type_in_an_answer_ends_a_command_without_words(
    node: ScriptedNode, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("aichain.cli.bodies.DEFAULT_ONION_LENGTH", 8)
    runner = CliRunner(env={"AICHAIN_RPC_URL": node.url, "XDG_DATA_HOME": str(tmp_path)})
    node.answers = dict(ANSWERS)
    runner.invoke(main, command)
    methods = dict.fromkeys(method for method, _ in node.calls)
    cases = [
        (method, place, wrong)
        for method in methods
        for place in places(ANSWERS[method])
        for wrong in WRONG
    ]
    for method, place, wrong in random.Random(3690).sample(cases, min(len(cases), 200)):
        node.answers = ANSWERS | {method: spoiled(ANSWERS[method], place, wrong)}
        done = runner.invoke(main, command)
        assert done.exception is None or isinstance(done.exception, SystemExit), (place, wrong)
        assert done.exit_code in EXIT_CODES


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_no_refusal_is_without_words(node: ScriptedNode, wrong: Any) -> None:
    runner = CliRunner(env={"AICHAIN_RPC_URL": node.url})
    for name in ("field_out_of_range", "insufficient_balance", "sender_unknown"):
        values = dict.fromkeys(
            ("field", "value", "limit", "required", "available", "sender"), wrong
        )
        node.answers["aichain_status"] = Refusal(-1, "no", name, values)
        done = runner.invoke(main, ("query", "status"))
        assert isinstance(done.exception, SystemExit)
        assert done.exit_code == 5
