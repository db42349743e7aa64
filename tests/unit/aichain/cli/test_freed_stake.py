"""Stake that is being freed: what `tx` and `query` say of it, and of when it can be taken."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from genesis.units import AI
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole

Invoke: TypeAlias = Callable[..., Result]

STATUS = whole(
    "aichain_status",
    {
        "network": "testnet",
        "chainId": 36964,
        "height": 40,
        "baseFee": str(10**10),
        "accountCreationFee": str(10**16),
    },
)
ACCOUNT = whole(
    "aichain_getAccount",
    {"exists": True, "balance": str(5 * AI), "pendingNonce": 3, "algorithm": "ML_DSA_65"},
)
OTHER = "0x" + "22" * 20
HERE = "0x" + "33" * 20


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        node.answers |= {
            "aichain_status": STATUS,
            "aichain_getAccount": ACCOUNT,
            "aichain_sendTransaction": "0x" + "ab" * 32,
        }
        yield node


@pytest.fixture
def invoke(node: ScriptedNode, tmp_path: Path) -> Invoke:
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path), "AICHAIN_RPC_URL": node.url})
    return lambda *arguments: runner.invoke(main, arguments)


def final_with(event: dict[str, Any]) -> dict[str, Any]:
    receipt = {"ok": True, "error": None, "feeBurned": "44", "tip": "0", "events": [event]}
    found: dict[str, Any] = whole(
        "aichain_getTransaction", {"status": "final", "height": 41, "receipt": receipt}
    )
    return found


def test_a_withdrawal_says_what_it_paid_out(node: ScriptedNode, invoke: Invoke) -> None:
    paid = {"kind": "withdrawn", "owner": OTHER, "amount": str(3 * AI // 2)}
    node.answers["aichain_getTransaction"] = final_with(paid)
    withdraw = ("tx", "withdraw", "--from", "account:0", "--wait")
    assert re.search(r"^withdrawn +1.5 AI$", invoke(*withdraw).output, re.MULTILINE)
    assert json.loads(invoke(*withdraw, "--json").output)["withdrawn"] == str(3 * AI // 2)


def test_an_unstake_says_when_the_stake_is_free(node: ScriptedNode, invoke: Invoke) -> None:
    freed = {"kind": "unstaked", "amount": str(AI), "maturesAt": 512}
    node.answers["aichain_getTransaction"] = final_with(freed)
    done = invoke("tx", "unstake", "--amount", "1", "--from", "account:0", "--wait")
    assert re.search(r"^withdrawableAt +512$", done.output, re.MULTILINE)


def test_an_account_shows_what_is_being_freed_and_when(node: ScriptedNode, invoke: Invoke) -> None:
    parts = [
        {"amount": str(amount * AI), "maturesAt": at, "role": "validator", "target": OTHER}
        for amount, at in ((10, 41), (20, 512))
    ]
    account = ACCOUNT | {"height": 40, "unbonding": parts}
    node.answers["aichain_getAccount"] = account
    shown = invoke("query", "account", "account:0").output
    assert re.search(r"^ +10 AI +41 +now: `aichain tx withdraw`$", shown, re.MULTILINE)
    assert re.search(r"^ +20 AI +512 +in 471 blocks$", shown, re.MULTILINE)
    assert json.loads(invoke("query", "account", "account:0", "--json").output) == account


def test_a_term_that_no_height_ends_is_for_ever(node: ScriptedNode, invoke: Invoke) -> None:
    rows = [
        {"address": OTHER, "jailedUntil": 0, "tombstoned": True},
        {"address": HERE, "jailedUntil": 99, "tombstoned": False},
    ]
    node.answers["aichain_validators"] = {"height": 41, "validators": [], "registered": rows}
    shown = invoke("query", "validators").output
    assert re.search(rf"{OTHER} +for ever$", shown, re.MULTILINE)
    assert re.search(rf"{HERE} +99$", shown, re.MULTILINE)
