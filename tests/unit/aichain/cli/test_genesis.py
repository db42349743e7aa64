"""`aichain genesis`: a launch ceremony of two founders, and what it refuses."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.config import load_document
from aichain.keystore import onion_seed_of, save_key
from genesis.networks import founder_key
from genesis.onion import onion_head
from genesis.units import AI, address_of_key, format_address
from native.signatures import Algorithm, SigningKey

PEER = "12D3KooWFuAU8PqmN2WcBfJnwnRVvKvX78CeDwxtpkPLKBqkHBkc"
KEYS = {name: SigningKey.from_seed(name.encode() * 8) for name in ("anna", "bert")}
PEERS = {"anna": PEER, "bert": "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, key in KEYS.items():
        save_key(tmp_path / f"aichain/keys/{name}.key", key, passphrase=None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("aichain.cli.genesis.DEFAULT_ONION_LENGTH", 32)
    return tmp_path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["genesis", *map(str, arguments)])


def draft(place: Path, **options: object) -> Path:
    given = {"--name": "mine", "--network-id": 777, "--out": place / "g.toml"} | options
    done = invoke("new", *(part for pair in given.items() for part in pair))
    assert done.exit_code == 0, done.output
    return place / "g.toml"


def entry(place: Path, name: str, document: Path | None = None) -> Path:
    out = place / f"{name}.toml"
    done = invoke(
        *("entry", document or place / "g.toml", "--from", name, "--name", name, "--out", out),
        *("--stake", "5000", "--peer-id", PEERS[name]),
    )
    assert done.exit_code == 0, done.output
    return out


def test_two_founders_launch_a_network(place: Path) -> None:
    document = draft(place)
    entries = [entry(place, name) for name in KEYS]
    assert invoke("add-validator", document, *entries).exit_code == 0
    assert invoke("add-account", document, "anna", "100.5", "--label", "for fees").exit_code == 0
    done = invoke("check", document, "--json")
    assert done.exit_code == 0
    value = json.loads(done.output)
    assert value["problems"] == []
    assert value["supply"] == "10100.5 AI"
    assert [each["name"] for each in value["validators"]] == ["anna", "bert"]
    made = load_document(str(document))
    assert invoke("hash", document).output.strip() == "0x" + made.hash.hex()
    founder = made.validators[0]
    assert founder.onion_head == onion_head(onion_seed_of(KEYS["anna"]), founder.onion_length)
    (account,) = made.accounts
    assert account.address == address_of_key(KEYS["anna"].public_key)
    assert account.balance == 1005 * AI // 10


def test_an_empty_draft_is_not_launchable(place: Path) -> None:
    done = invoke("check", draft(place))
    assert done.exit_code == 9
    assert "there is no validator" in done.stderr


def test_an_entry_for_another_network_is_refused(place: Path) -> None:
    elsewhere = draft(place, **{"--out": place / "other.toml", "--network-id": 778})
    assert elsewhere
    signed = entry(place, "anna", place / "other.toml")
    document = draft(place)
    before = document.read_bytes()
    done = invoke("add-validator", document, signed)
    assert done.exit_code == 9
    assert "proof of possession" in done.stderr
    assert document.read_bytes() == before


def test_a_founder_enters_once(place: Path) -> None:
    document = draft(place)
    signed = entry(place, "anna")
    assert invoke("add-validator", document, signed).exit_code == 0
    assert invoke("add-validator", document, signed).exit_code == 9


def test_a_well_known_key_cannot_own_coins_of_a_real_network(place: Path) -> None:
    document = draft(place)
    invoke("add-validator", document, entry(place, "anna"))
    public = format_address(address_of_key(founder_key("testnet", 0).public_key))
    invoke("add-account", document, public, "5")
    done = invoke("check", document)
    assert done.exit_code == 9
    assert "well-known test key" in done.stderr


def test_a_draft_is_not_overwritten(place: Path) -> None:
    document = draft(place)
    before = document.read_bytes()
    done = invoke("new", "--name", "x", "--network-id", 5, "--out", document)
    assert done.exit_code == 2
    assert document.read_bytes() == before


def test_the_seed_can_be_given(place: Path) -> None:
    document = draft(place, **{"--seed": "0x" + "0f" * 32})
    assert load_document(str(document)).seed == b"\x0f" * 32


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--seed", text) for text in ("zz", "0x12", "", "0x" + "0f" * 33)),
        *(("--name", text) for text in ("X Y", "", "a" * 33, "a\nb")),
        *(("--network-id", text) for text in ("0", "-1", "4294967296", "x")),
        *(("--time-ms", text) for text in ("0", "-1", "9" * 26)),
        *(("--out", text) for text in ("",)),
    ],
)
def test_a_wrong_argument_of_a_draft_is_named(place: Path, option: str, text: str) -> None:
    given = {"--name": "mine", "--network-id": 777, "--out": place / "g.toml"} | {option: text}
    done = invoke("new", *(part for pair in given.items() for part in pair))
    require_usage_error(done, option)
    assert not (place / "g.toml").exists()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--peer-id", text) for text in ("xx", "", "0OIl", PEER[:-1])),
        *(("--stake", text) for text in ("0", "x", "-1")),
        *(("--name", text) for text in ("a b", "")),
    ],
)
def test_a_wrong_argument_of_an_entry_is_named(place: Path, option: str, text: str) -> None:
    out = place / "anna.toml"
    given = {"--name": "anna", "--stake": "5000", "--peer-id": PEER, "--out": out} | {option: text}
    arguments = (part for pair in given.items() for part in pair)
    done = invoke("entry", draft(place), "--from", "anna", *arguments)
    require_usage_error(done, option)
    assert not out.exists()


def test_an_entry_does_not_overwrite_a_file(place: Path) -> None:
    document = draft(place)
    key = place / "aichain/keys/anna.key"
    before = key.read_bytes()
    done = invoke(
        *("entry", document, "--from", "anna", "--name", "anna", "--stake", "5000"),
        *("--peer-id", PEER, "--out", key),
    )
    require_usage_error(done, "anna.key exists")
    assert key.read_bytes() == before


def test_a_key_of_another_level_cannot_found(place: Path) -> None:
    small = SigningKey.from_seed(bytes(32), Algorithm.ML_DSA_44)
    save_key(place / "aichain/keys/small.key", small, passphrase=None)
    document = draft(place)
    done = invoke(
        *("entry", document, "--from", "small", "--name", "small", "--stake", "5000"),
        *("--peer-id", PEER, "--out", place / "small.toml"),
    )
    require_usage_error(done, "public_key")


@pytest.mark.parametrize(
    ("who", "amount", "label"),
    [
        ("anna", "0", ""),
        ("anna", "x", ""),
        ("0x" + "00" * 20, "5", ""),
        ("anna", "5", '"'),
        ("anna", "5", "x" * 65),
    ],
)
def test_a_wrong_account_is_a_wrong_argument(
    place: Path, who: str, amount: str, label: str
) -> None:
    document = draft(place)
    before = document.read_bytes()
    require_usage_error(invoke("add-account", document, who, amount, "--label", label), "")
    assert document.read_bytes() == before


def test_an_account_enters_once(place: Path) -> None:
    document = draft(place)
    assert invoke("add-account", document, "anna", "5").exit_code == 0
    require_usage_error(invoke("add-account", document, "anna", "5"), "appears twice")


def test_an_entry_that_is_none_is_named_by_its_file(place: Path) -> None:
    document = draft(place)
    before = document.read_bytes()
    (place / "bad.toml").write_text("")
    done = invoke("add-validator", document, place / "bad.toml")
    assert done.exit_code == 9
    assert "bad.toml" in done.stderr
    assert "genesis entry" in done.stderr
    (place / "bad.toml").write_bytes(b"\xff\xfe")
    done = invoke("add-validator", document, place / "bad.toml")
    assert done.exit_code == 9
    assert "UTF-8" in done.stderr
    assert document.read_bytes() == before


def test_a_packaged_network_is_no_draft(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft(place)
    signed = entry(place, "anna")
    monkeypatch.chdir(place)
    for arguments in (("add-validator", "devnet", signed), ("add-account", "devnet", "anna", "5")):
        require_usage_error(invoke(*arguments), "'devnet' does not exist")
    assert not (place / "devnet").exists()


def test_a_document_that_is_broken_is_named_with_what_is_wrong(place: Path) -> None:
    (place / "bad.toml").write_text("name = 5")
    done = invoke("check", place / "bad.toml")
    assert done.exit_code == 9
    assert "bad.toml: the document lacks" in done.stderr


def require_usage_error(done: Result, names: str) -> None:
    assert done.exit_code == 2, done.output
    assert re.fullmatch(r"error: .+\nfix:   .+\n", done.stderr)
    assert names in done.stderr


def test_packaged_networks_have_hashes_too() -> None:
    done = invoke("hash", "testnet")
    text = "0x" + load_document("testnet").hash.hex()
    assert done.output.strip() == text
    assert json.loads(invoke("hash", "testnet", "--json").output) == {
        "name": "testnet",
        "hash": text,
    }
    assert invoke("check", "devnet").exit_code == 0
    assert invoke("hash", "mainnet").exit_code == 9
