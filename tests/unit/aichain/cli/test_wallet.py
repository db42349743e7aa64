"""`wallet` beyond keeping keys: passphrases, signed messages, what an account earns and did."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from aichain import keystore
from aichain.cli import main
from aichain.client.rewards import reward_filter
from aichain.keystore import WrongPassphrase, load_key, save_key
from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from native.signatures import Algorithm, SigningKey
from tests.unit.aichain.cli.scripted_node import ScriptedNode, serving
from tests.unit.aichain.cli.whole_answers import whole

Invoke: TypeAlias = Callable[..., Result]
KEY = SigningKey.from_seed(bytes(range(32)), Algorithm.ML_DSA_87)
OWN = format_address(address_of_key(KEY.public_key))
STATUS = whole("aichain_status", {"network": "testnet", "height": 5_000, "firstHeight": 4_500})


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        node.answers["aichain_status"] = STATUS
        yield node


@pytest.fixture
def invoke(node: ScriptedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setattr(keystore, "ARGON2_MEMORY_KIB", 64)
    monkeypatch.chdir(tmp_path)
    Path("pass").write_text("old")
    Path("anew").write_text("new")
    save_key(tmp_path / "aichain/keys/me.key", KEY, passphrase="old", label="me")
    environ = {"XDG_DATA_HOME": str(tmp_path), "AICHAIN_RPC_URL": node.url}
    runner = CliRunner(env=environ | {"AICHAIN_PASSWORD_FILE": str(tmp_path / "pass")})
    return lambda *arguments, stdin="": runner.invoke(main, ["wallet", *arguments], input=stdin)


def test_create_is_new(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("create", "savings", "--level", "44").exit_code == 0
    opened = load_key(tmp_path / "aichain/keys/savings.key", "old")
    assert opened.key.algorithm is Algorithm.ML_DSA_44


def test_a_passphrase_is_changed_in_place(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "aichain/keys/me.key"
    before = load_key(path, "old")
    path.with_name(".me.key.new").write_text("half a file of an earlier attempt")
    assert invoke("passwd", "me", "--new-password-file", "anew").exit_code == 0
    after = load_key(path, "new")
    assert (after.key.seed, after.label, after.created_ms) == (KEY.seed, "me", before.created_ms)
    assert [each.name for each in path.parent.iterdir()] == ["me.key"]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongPassphrase):
        load_key(path, "old")


def test_behind_a_link_no_key_keeps_the_old_passphrase(invoke: Invoke, tmp_path: Path) -> None:
    link, path = tmp_path / "aichain/keys/me.key", tmp_path / "elsewhere.key"
    link.rename(path)
    link.symlink_to(path)
    assert invoke("passwd", "me", "--new-password-file", "anew").exit_code == 0
    assert link.is_symlink()
    assert load_key(path, "new").key.seed == KEY.seed


def test_what_is_signed_is_written_over_no_file(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "aichain/keys/me.key"
    done = invoke("sign", "me", "--message", "x", "--out", str(path))
    assert (done.exit_code, f"{path} exists" in done.stderr) == (2, True)
    assert load_key(path, "old").key.seed == KEY.seed


def test_a_wrong_passphrase_changes_nothing(invoke: Invoke, tmp_path: Path) -> None:
    Path("pass").write_text("wrong")
    assert invoke("passwd", "me", "--new-password-file", "anew").exit_code == 6
    assert load_key(tmp_path / "aichain/keys/me.key", "old").key.seed == KEY.seed


@pytest.mark.parametrize("way", ["--message", "--file", "pipe"])
def test_a_message_is_signed_and_verified(invoke: Invoke, way: str) -> None:
    Path("text").write_text("I own this.")
    given, piped = {
        "--message": (("--message", "I own this."), ""),
        "--file": (("--file", "text"), ""),
        "pipe": ((), "I own this."),
    }[way]
    Path("signed").write_text(invoke("sign", "me", *given, stdin=piped).output)
    done = invoke("verify", "signed", *given, "--address", OWN, "--json", stdin=piped)
    expected = {"valid": True, "address": OWN, "algorithm": "ML-DSA-87"}
    assert json.loads(done.output) == expected


def test_what_nobody_signed_so_is_an_error(invoke: Invoke) -> None:
    assert invoke("sign", "me", "--message", "x", "--out", "signed").exit_code == 0
    for arguments in (
        ("signed", "--message", "y"),
        ("signed", "--message", "x", "--address", "0x" + "11" * 20),
    ):
        done = invoke("verify", *arguments)
        assert done.exit_code == 1
        assert re.fullmatch(r"error: the signature does not hold: .+\nfix:   .+\n", done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "signed", "--message", "x", "--file", "signed"),
        ("verify", "junk", "--message", "x"),
        ("verify", "gone", "--message", "x"),
        ("verify", "-"),
        ("sign", "me", "--file", "gone"),
        ("sign", "me", "--message", "\udcff"),
        ("rewards", OWN, "--blocks", "0"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_told(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    Path("junk").write_text("{}")
    assert invoke("sign", "me", "--message", "x", "--out", "signed").exit_code == 0
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)


def test_rewards_are_what_comes_and_what_came(node: ScriptedNode, invoke: Invoke) -> None:
    address = address_of_key(KEY.public_key)
    asked = []

    def logs(wanted: dict[str, object]) -> list[object]:
        asked.append(wanted)
        log = {
            "topics": wanted["topics"],
            "blockNumber": "0x1195",
            "data": f"0x{3 * AI:064x}",
        }
        return whole("eth_getLogs", [log, log])  # type: ignore[no-any-return]

    pending = {"address": OWN, "height": 5_000, "pending": str(AI), "paidAt": 5_056}
    node.answers["aichain_getRewards"] = whole("aichain_getRewards", pending)
    node.answers["eth_getLogs"] = logs
    value = json.loads(invoke("rewards", "me", "--blocks", "1024", "--json").output)
    assert asked == [reward_filter(address, 4_500, 5_000)]
    assert (value["firstBlock"], value["lastBlock"], value["proposed"]) == (4_500, 5_000, 2)
    assert (value["pending"], value["paid"]) == (str(AI), str(6 * AI))
    assert re.search(r"^paid +6 AI$", invoke("rewards", "me").output, re.MULTILINE)


def test_a_log_that_is_no_reward_is_the_servers_fault(node: ScriptedNode, invoke: Invoke) -> None:
    node.answers["aichain_getRewards"] = whole("aichain_getRewards", {})
    node.answers["eth_getLogs"] = whole("eth_getLogs", [{"data": "0x"}])
    assert invoke("rewards", "me").exit_code == 4


def test_history_is_that_of_query(node: ScriptedNode, invoke: Invoke) -> None:
    entry = {"height": 7, "kind": "transfer", "amount": str(AI)}
    page = whole("aichain_getAccountHistory", {"transactions": [entry]})
    node.answers["aichain_getAccountHistory"] = page
    payer = format_address(address_of_key(account_key("testnet", 0).public_key))
    assert json.loads(invoke("history", "account:0", "--json").output) == page
    assert node.calls[-1] == ("aichain_getAccountHistory", [payer, None, 25])
    assert "1 AI" in invoke("history", "me").output
