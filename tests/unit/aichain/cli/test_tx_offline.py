"""`tx build | tx sign | tx send`: a machine with a node, one with a key, and what passes."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain import keystore
from aichain.cli import main
from aichain.keystore import save_key
from genesis.networks import account_key
from genesis.units import AI, Address, address_of_key, format_address
from native.signatures import Algorithm, SigningKey, verify
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole
from vm.bodies import Body, RegisterValidator, Role, Stake, Transfer, Unjail, Unstake, Withdraw
from vm.transactions import TRANSACTION_CONTEXT, SignedTransaction, decode_transaction

Invoke: TypeAlias = Callable[..., Result]
KEY = SigningKey.from_seed(bytes(range(32)), Algorithm.ML_DSA_44)
OWN = address_of_key(KEY.public_key)
FROM = format_address(OWN)
TO = "0x" + "11" * 20
BUILT: tuple[tuple[tuple[str, ...], Body], ...] = (
    (
        ("send", "--to", TO, "--amount", "1.5", "--memo", "hi"),
        Transfer(Address(b"\x11" * 20), 3 * AI // 2, b"hi"),
    ),
    (("stake", "--amount", "2"), Stake(Role.VALIDATOR, OWN, 2 * AI)),
    (("unstake", "--amount", "2"), Unstake(Role.VALIDATOR, OWN, 2 * AI)),
    (("withdraw",), Withdraw()),
    (("unjail",), Unjail()),
)


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        status = {
            "network": "testnet",
            "chainId": 36964,
            "height": 40,
            "baseFee": "10",
            "accountCreationFee": "10000",
            "nodeId": "12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc",
        }
        node.answers |= {
            "aichain_status": whole("aichain_status", status),
            "aichain_getAccount": whole("aichain_getAccount", {"exists": True, "pendingNonce": 3}),
            "aichain_sendTransaction": "0x" + "ab" * 32,
        }
        yield node


@pytest.fixture
def online(node: ScriptedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A machine with a node and without the key."""
    monkeypatch.setattr("aichain.cli.bodies.DEFAULT_ONION_LENGTH", 8)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path / "on"), "AICHAIN_RPC_URL": node.url})
    return lambda *arguments, stdin="": runner.invoke(main, ["tx", *arguments], input=stdin)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A machine with the key, where no node answers."""
    monkeypatch.setattr(keystore, "ARGON2_MEMORY_KIB", 64)
    save_key(tmp_path / "off/aichain/keys/cold.key", KEY, passphrase="pw")
    (tmp_path / "pw").write_text("pw")
    environ = {"XDG_DATA_HOME": str(tmp_path / "off"), "AICHAIN_RPC_URL": "http://127.0.0.1:1"}
    runner = CliRunner(env=environ | {"AICHAIN_PASSWORD_FILE": str(tmp_path / "pw")})
    return lambda *arguments, stdin="": runner.invoke(main, ["tx", *arguments], input=stdin)


def sent(node: ScriptedNode) -> SignedTransaction:
    (raw,) = [params[0] for method, params in node.calls if method == "aichain_sendTransaction"]
    return decode_transaction(bytes.fromhex(raw.removeprefix("0x")))


@pytest.mark.parametrize(("arguments", "body"), BUILT, ids=str)
def test_pipes_lead_from_the_node_over_the_key_to_the_node(
    node: ScriptedNode,
    online: Invoke,
    offline: Invoke,
    arguments: tuple[str, ...],
    body: Body,
) -> None:
    built = online("build", *arguments, "--from", FROM, "--tip", "0.1")
    assert built.exit_code == 0, built.output
    signed = offline("sign", stdin=built.stdout)
    assert signed.exit_code == 0, signed.output
    done = online("send", "-", "--json", stdin=signed.stdout)
    assert done.exit_code == 0, done.output
    arrived = sent(node)
    made = arrived.transaction
    assert json.loads(done.output)["hash"] == "0x" + arrived.id.hex()
    assert (made.body, made.sender, made.nonce, made.tip) == (body, OWN, 3, AI // 10)
    assert made.valid_until == 40 + 1_200
    assert made.fee_max >= 16 * 10 * arrived.weight
    assert arrived.public_key == KEY.public_key
    assert verify(KEY.public_key, made.signing_bytes, TRANSACTION_CONTEXT, arrived.signature)


def test_files_do_as_pipes(node: ScriptedNode, online: Invoke, offline: Invoke) -> None:
    assert online("build", "withdraw", "--from", FROM, "--out", "unsigned.json").exit_code == 0
    done = offline("sign", "unsigned.json", "--from", "cold", "--out", "signed.json")
    assert done.exit_code == 0, done.output
    assert online("send", "signed.json").exit_code == 0
    assert sent(node).transaction.body == Withdraw()


def test_who_signs_sees_what_the_bytes_say(online: Invoke, offline: Invoke) -> None:
    arguments = ("send", "--to", TO, "--amount", "1.5", "--from", FROM)
    told: dict[str, Any] = json.loads(online("build", *arguments).stdout)
    told["reads"]["amount"] = "1"
    shown = offline("sign", stdin=json.dumps(told)).stderr
    assert re.search(r"^amount +1.5 AI$", shown, re.MULTILINE)
    assert re.search(rf"^to +{TO}$", shown, re.MULTILINE)
    assert re.search(r"^kind +transfer$", shown, re.MULTILINE)


def test_a_validators_voting_key_is_where_the_node_is(
    node: ScriptedNode, online: Invoke, offline: Invoke
) -> None:
    voter = account_key("testnet", 5)
    options = ("--validator-key", "account:5", "--stake", "2500", "--from", FROM)
    built = online("build", "register-validator", *options)
    assert built.exit_code == 0, built.output
    signed = offline("sign", stdin=built.stdout)
    assert signed.exit_code == 0, signed.output
    assert online("send", "-", stdin=signed.stdout).exit_code == 0
    body = sent(node).transaction.body
    assert isinstance(body, RegisterValidator)
    assert (body.public_key, body.stake) == (voter.public_key, 2_500 * AI)


def test_public_test_keys_sign_without_a_network(online: Invoke, offline: Invoke) -> None:
    built = online("build", "withdraw", "--from", "account:1")
    done = offline("sign", "--from", "account:1", stdin=built.stdout)
    assert json.loads(done.stdout)["format"] == "aichain-signed-v1"


def test_another_key_than_the_senders_is_refused(online: Invoke, offline: Invoke) -> None:
    built = online("build", "withdraw", "--from", "account:1")
    done = offline("sign", "--from", "cold", stdin=built.stdout)
    assert done.exit_code == 2
    assert "sign with the sender's key" in done.stderr


def test_without_the_key_nothing_is_signed(online: Invoke, offline: Invoke) -> None:
    built = online("build", "withdraw", "--from", "account:1")
    assert offline("sign", stdin=built.stdout).exit_code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("sign", "gone"),
        ("sign", "junk"),
        ("sign", "signed.json"),
        ("send", "unsigned.json"),
        ("send", "junk"),
        ("send", "signed.json", "--to", TO),
        ("send", "--to", TO, "--amount", "1"),
        ("send", "--from", "cold", "--to", TO),
        ("build", "send", "--to", TO, "--amount", "0", "--from", FROM),
        ("build", "withdraw", "--from", FROM, "--valid-blocks", "0"),
        ("build", "withdraw", "--from", FROM, "--valid-blocks", "999999"),
        ("build", "withdraw", "--from", FROM, "--network-id", "36963"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_send_nothing(
    node: ScriptedNode, online: Invoke, offline: Invoke, arguments: tuple[str, ...]
) -> None:
    Path("junk").write_bytes(b"\xff{}")
    assert online("build", "withdraw", "--from", FROM, "--out", "unsigned.json").exit_code == 0
    assert offline("sign", "unsigned.json", "--out", "signed.json").exit_code == 0
    done = (offline if arguments[0] == "sign" else online)(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)
    assert not any(method == "aichain_sendTransaction" for method, _ in node.calls)


def test_what_is_built_is_of_the_network_that_was_named(online: Invoke) -> None:
    done = online("build", "withdraw", "--from", FROM, "--network-id", "36964")
    assert done.exit_code == 0
    refused = online("build", "withdraw", "--from", FROM, "--network-id", "36963", "--out", "x")
    assert "36963" in refused.stderr
    assert not Path("x").exists()
