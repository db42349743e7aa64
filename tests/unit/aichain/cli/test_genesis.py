"""`aichain genesis`: a launch ceremony of two founders, and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aichain.cli import main
from aichain.config import load_document
from aichain.keystore import onion_seed_of, save_key
from genesis.networks import founder_key
from genesis.onion import onion_head
from genesis.units import AI, address_of_key, format_address
from native.signatures import SigningKey

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


def test_packaged_networks_have_hashes_too() -> None:
    done = invoke("hash", "testnet")
    assert done.output.strip() == "0x" + load_document("testnet").hash.hex()
    assert invoke("check", "devnet").exit_code == 0
    assert invoke("hash", "mainnet").exit_code == 9
