"""`query` and `tx` against a scripted node: what is asked, what is shown, how it can fail."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.keystore import onion_seed_of, save_key
from genesis.networks import account_key
from genesis.onion import onion_head
from genesis.units import AI, Address, address_of_key, format_address
from native.node_keys import peer_id_of_seed, peer_id_text
from native.signatures import SigningKey, verify
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole
from vm.transactions import (
    TRANSACTION_CONTEXT,
    RegisterValidator,
    Role,
    SignedTransaction,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    decode_transaction,
)

Invoke: TypeAlias = Callable[..., Result]

STATUS = whole(
    "aichain_status",
    {
        "network": "testnet",
        "chainId": 36964,
        "height": 40,
        "baseFee": str(10**10),
        "accountCreationFee": str(10**16),
        "nodeId": "12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc",
    },
)
ACCOUNT = whole(
    "aichain_getAccount",
    {"exists": True, "balance": str(5 * AI), "pendingNonce": 3, "algorithm": "ML_DSA_65"},
)
HASH = "0x" + "ab" * 32


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        node.answers |= {
            "aichain_status": STATUS,
            "aichain_getAccount": ACCOUNT,
            "aichain_sendTransaction": HASH,
        }
        yield node


@pytest.fixture
def invoke(node: ScriptedNode, tmp_path: Path) -> Invoke:
    runner = CliRunner(env={"XDG_DATA_HOME": str(tmp_path), "AICHAIN_RPC_URL": node.url})
    return lambda *arguments: runner.invoke(main, arguments)


def sent(node: ScriptedNode) -> SignedTransaction:
    (raw,) = [params[0] for method, params in node.calls if method == "aichain_sendTransaction"]
    return decode_transaction(bytes.fromhex(raw.removeprefix("0x")))


def final(status: str = "final", error: str | None = None) -> dict[str, Any]:
    receipt = {"ok": status == "final", "error": error, "feeBurned": "44000000000000", "tip": "0"}
    return standing({"status": status, "height": 41, "receipt": receipt})


def standing(members: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole("aichain_getTransaction", members)
    return found


def test_reads_print_what_the_node_says(node: ScriptedNode, invoke: Invoke) -> None:
    assert json.loads(invoke("query", "status", "--json").output) == STATUS
    assert re.search(r"^height +40$", invoke("query", "status").output, re.MULTILINE)


@pytest.mark.parametrize(
    ("given", "asked"), [("7", 7), (HASH, HASH), (HASH[2:], HASH), ("latest", 40)]
)
def test_blocks_are_asked_for_by_height_or_hash(
    node: ScriptedNode, invoke: Invoke, given: str, asked: object
) -> None:
    node.answers["aichain_getBlock"] = {"height": 7}
    assert invoke("query", "block", given).exit_code == 0
    assert node.calls[-1] == ("aichain_getBlock", [asked])


@pytest.mark.parametrize(
    "arguments",
    [
        *(("block", text) for text in ("x", "", "0x12", "9" * 30, "9" * 5_000, HASH + "0", "-")),
        *(("tx", text) for text in ("x", "", "0x12", "7", HASH[:-1], HASH[:-1] + "g")),
        *(("commit", text) for text in ("x", "", "9" * 30, "1.5")),
        ("validators", "--height", "9" * 30),
    ],
)
def test_what_is_no_height_and_no_hash_is_not_asked_for(
    node: ScriptedNode, invoke: Invoke, arguments: tuple[str, ...]
) -> None:
    done = invoke("query", *arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)
    assert node.calls == []


def test_a_transaction_is_found_by_its_hash_with_or_without_0x(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_getTransaction"] = {"status": "final"}
    for text in (HASH, HASH[2:], HASH.upper().replace("X", "x")):
        assert invoke("query", "tx", text).exit_code == 0
        assert node.calls[-1] == ("aichain_getTransaction", [HASH])


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (("block", "7"), "aichain_getBlock"),
        (("tx", HASH), "aichain_getTransaction"),
        (("commit", "7"), "aichain_commit"),
    ],
)
def test_what_is_unknown_has_its_own_exit_code(
    node: ScriptedNode, invoke: Invoke, arguments: tuple[str, ...], method: str
) -> None:
    node.answers[method] = None
    done = invoke("query", *arguments)
    assert done.exit_code == 3
    assert done.stderr.startswith("error: there is no ")


def test_accounts_are_shown_in_coins_and_kept_whole_in_json(
    node: ScriptedNode, invoke: Invoke
) -> None:
    assert "5 AI" in invoke("query", "account", "account:0").output
    value = json.loads(invoke("query", "account", "account:0", "--json").output)
    assert value["balance"] == str(5 * AI)


@pytest.mark.parametrize("who", ["x", "", "x" * 5_000, "a\udcff", "account"])
def test_what_is_neither_an_address_nor_a_key_is_told_so(invoke: Invoke, who: str) -> None:
    done = invoke("query", "account", who)
    assert done.exit_code == 3
    assert "neither an address nor a key" in done.stderr


def test_a_mistyped_address_is_caught_by_its_checksum(invoke: Invoke) -> None:
    address = format_address(address_of_key(account_key("testnet", 0).public_key))
    wrong = address[:-1] + ("0" if address[-1] != "0" else "1")
    done = invoke("query", "account", wrong)
    assert done.exit_code == 2
    assert "EIP-55" in done.stderr


def test_coins_are_sent_with_a_valid_signature(node: ScriptedNode, invoke: Invoke) -> None:
    to = "0x" + "11" * 20
    arguments = ("--from", "account:0", "--to", to, "--amount", "1.5", "--memo", "hi")
    done = invoke("tx", "send", *arguments, "--json")
    assert done.exit_code == 0
    signed = sent(node)
    assert json.loads(done.output)["hash"] == "0x" + signed.id.hex()
    transaction = signed.transaction
    assert transaction.body == Transfer(Address(bytes.fromhex("11" * 20)), 3 * AI // 2, b"hi")
    assert (transaction.network_id, transaction.nonce) == (36964, 3)
    assert 40 < transaction.valid_until <= 40 + 7200
    assert transaction.fee_max == 10**16 + 16 * 10**10 * signed.weight
    assert signed.public_key == b""
    key = account_key("testnet", 0)
    message = transaction.signing_bytes
    assert verify(key.public_key, message, TRANSACTION_CONTEXT, signed.signature)


def test_the_most_that_may_be_burned_can_be_set(node: ScriptedNode, invoke: Invoke) -> None:
    invoke("tx", "withdraw", "--from", "account:0", "--max-fee", "0.5", "--tip", "0.25")
    transaction = sent(node).transaction
    assert (transaction.fee_max, transaction.tip) == (AI // 2, AI // 4)


def test_the_first_transaction_reveals_the_key(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_getAccount"] = ACCOUNT | {"algorithm": None}
    invoke("tx", "withdraw", "--from", "account:0")
    assert sent(node).public_key == account_key("testnet", 0).public_key


def test_every_kind_can_be_sent(node: ScriptedNode, invoke: Invoke) -> None:
    own = address_of_key(account_key("testnet", 0).public_key)
    for arguments, body in [
        (("stake", "--amount", "2"), Stake(Role.VALIDATOR, own, 2 * AI)),
        (("unstake", "--amount", "2"), Unstake(Role.VALIDATOR, own, 2 * AI)),
        (("withdraw",), Withdraw()),
        (("unjail",), Unjail()),
    ]:
        node.calls.clear()
        assert invoke("tx", *arguments, "--from", "account:0").exit_code == 0
        assert sent(node).transaction.body == body


def test_a_validator_registers_the_node_it_talks_to(
    node: ScriptedNode, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichain.cli.bodies.DEFAULT_ONION_LENGTH", 16)
    done = invoke("tx", "register-validator", "--from", "account:0", "--stake", "2500")
    assert done.exit_code == 0
    body = sent(node).transaction.body
    assert isinstance(body, RegisterValidator)
    assert (body.stake, body.onion_length) == (2500 * AI, 16)
    assert body.public_key == account_key("testnet", 0).public_key
    assert len(body.peer_id) == 38


def test_a_new_onion_is_not_the_old_one(
    node: ScriptedNode, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichain.cli.bodies.DEFAULT_ONION_LENGTH", 16)
    key = account_key("testnet", 0)
    peer = peer_id_of_seed(bytes(32))
    row = {
        "address": format_address(address_of_key(key.public_key)),
        "onionRenewals": 2,
        "commissionBps": 70,
        "peerId": peer_id_text(peer),
    }
    node.answers["aichain_validators"] = whole("aichain_validators", {"registered": [{}, row]})
    done = invoke("tx", "renew-onion", "--from", "account:0")
    assert done.exit_code == 0
    body = sent(node).transaction.body
    assert isinstance(body, RegisterValidator)
    assert (body.public_key, body.stake) == (key.public_key, 0)
    assert (body.peer_id, body.commission_bps) == (peer, 70)
    assert body.onion_head == onion_head(onion_seed_of(key, 3), 16)


def test_only_a_registered_validator_renews(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_validators"] = whole("aichain_validators", {"registered": []})
    done = invoke("tx", "renew-onion", "--from", "account:0")
    assert done.exit_code == 2
    assert "has not registered a validator" in done.stderr
    assert "aichain tx register-validator" in done.stderr


def test_waiting_reports_the_block_and_the_fee(node: ScriptedNode, invoke: Invoke) -> None:
    answers = iter(
        [
            None,
            standing({"status": "pending"}),
            standing({"status": "included", "blockStatus": "fast"}),
            final(),
        ]
    )
    node.answers["aichain_getTransaction"] = lambda _: next(answers)
    arguments = ("--from", "account:0", "--to", "account:1", "--amount", "1", "--wait")
    done = invoke("tx", "send", *arguments)
    assert done.exit_code == 0
    assert "0.000044 AI" in done.output


def test_a_failed_transaction_is_an_exit_code_of_its_own(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_getTransaction"] = final("failed", "insufficient_balance")
    arguments = ("--from", "account:0", "--to", "account:1", "--amount", "1", "--wait")
    done = invoke("tx", "send", *arguments)
    assert done.exit_code == 7
    assert "insufficient balance" in done.stderr


def test_a_failed_transaction_says_why_where_no_values_are_needed(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_getTransaction"] = final("failed", "amount_is_zero")
    done = invoke("tx", "withdraw", "--from", "account:0", "--wait")
    assert done.exit_code == 7
    assert "the amount is zero" in done.stderr


def test_waiting_ends(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_getTransaction"] = standing({"status": "pending"})
    done = invoke("tx", "withdraw", "--from", "account:0", "--wait", "--timeout", "0.2")
    assert done.exit_code == 8


def test_a_refusal_is_a_sentence_with_its_values_and_a_fix(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_sendTransaction"] = Refusal(
        -32003,
        "FeeTooLow: required=2",
        "fee_too_low",
        {"required": str(2 * AI), "fee_max": str(AI // 2)},
    )
    done = invoke("tx", "withdraw", "--from", "account:0")
    assert done.exit_code == 5
    assert done.stderr == (
        "error: the fee is 2 AI now, and the transaction allows 0.5 AI (fee_too_low)\n"
        "fix:   raise --max-fee, or leave it out\n"
    )


def test_a_refusal_that_is_unknown_here_is_shown_in_the_nodes_words(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_sendTransaction"] = Refusal(-32003, "TooBlue: \x1b[31m=1", "too_blue")
    done = invoke("tx", "withdraw", "--from", "account:0")
    assert done.exit_code == 5
    assert "TooBlue" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\nfix:   " in done.stderr


def test_an_account_without_coins_is_told_so(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_getAccount"] = ACCOUNT | {"exists": False}
    done = invoke("tx", "withdraw", "--from", "account:0")
    assert done.exit_code == 5
    assert "has no coins on testnet" in done.stderr


def test_public_keys_exist_on_test_networks_only(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_status"] = STATUS | {"network": "mynet"}
    done = invoke("tx", "withdraw", "--from", "account:0")
    assert done.exit_code == 6
    assert "mynet" in done.stderr


def test_a_key_of_ones_own_signs(node: ScriptedNode, invoke: Invoke, tmp_path: Path) -> None:
    key = SigningKey.from_seed(b"\5" * 32)
    save_key(tmp_path / "aichain/keys/me.key", key, passphrase="pw")
    (tmp_path / "pw").write_text("pw")
    options = ("--password-file", str(tmp_path / "pw"))
    assert invoke("tx", "withdraw", "--from", "me", *options).exit_code == 0
    assert sent(node).transaction.sender == address_of_key(key.public_key)


TO = "0x" + "11" * 20
SEND = ("tx", "send", "--from", "account:0")
REGISTER = ("tx", "register-validator", "--from", "account:0")


@pytest.mark.parametrize(
    "arguments",
    [
        (*SEND, "--to", TO, "--amount", "0"),
        (*SEND, "--to", TO, "--amount", "0.0"),
        (*SEND, "--to", "0x" + "00" * 20, "--amount", "1"),
        (*SEND, "--to", "account:" + "9" * 5_000, "--amount", "1"),
        (*SEND, "--to", TO, "--amount", "1", "--memo", "x" * 65),
        (*SEND, "--to", TO, "--amount", "1", "--memo", "\u00e4" * 33),
        (*SEND, "--to", TO, "--amount", "1", "--memo", "\udcff\udcfe"),
        (*SEND, "--to", TO, "--amount", "1", "--max-fee", "-1"),
        (*SEND, "--to", TO, "--amount", "1", "--tip", "x"),
        (*SEND, "--to", TO, "--amount", "1", "--network-id", "36963"),
        *((*SEND, "--to", TO, "--amount", "1", "--timeout", text) for text in ("nan", "-1", "inf")),
        ("tx", "stake", "--from", "account:0", "--amount", "0"),
        ("tx", "unstake", "--from", "account:0", "--amount", "0"),
        (*REGISTER, "--stake", "0"),
        (*REGISTER, "--commission-bps", "10001"),
        *((*REGISTER, "--peer-id", text) for text in ("xx", "", "0OIl", "Qm" + "a" * 44)),
    ],
    ids=str,
)
def test_a_wrong_argument_sends_nothing(
    node: ScriptedNode, invoke: Invoke, arguments: tuple[str, ...]
) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)
    assert not any(method == "aichain_sendTransaction" for method, _ in node.calls)


def test_a_node_with_a_strange_peer_id_cannot_be_registered(
    node: ScriptedNode, invoke: Invoke
) -> None:
    node.answers["aichain_status"] = STATUS | {"nodeId": "xx"}
    done = invoke(*REGISTER)
    assert done.exit_code == 2
    assert "--peer-id" in done.stderr


@pytest.mark.parametrize("amount", ["-1", "1e3", "0.0000000000000000001", "much"])
def test_amounts_are_plain_decimals(node: ScriptedNode, invoke: Invoke, amount: str) -> None:
    done = invoke("tx", "send", "--from", "account:0", "--to", "account:1", "--amount", amount)
    assert done.exit_code == 2
    assert not any(method == "aichain_sendTransaction" for method, _ in node.calls)
