"""Packaged networks: what they are, and that their files are what the code would write."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genesis.ceremony import check_document
from genesis.errors import MainnetNotLaunched, NetworkUnknown
from genesis.networks import (
    FOUNDERS_MAX,
    NETWORK_IDS,
    PACKAGED_FOUNDERS,
    PUBLIC_NETWORKS,
    account_key,
    founder_key,
    founder_node_seed,
    founder_onion_seed,
    known_networks,
    local_document,
    packaged_document,
)
from genesis.onion import onion_head
from genesis.units import AI, address_of_key
from native.node_keys import peer_id_of_seed

GOLDEN = json.loads((Path(__file__).parents[2] / "vectors" / "genesis.json").read_text())


def unsigned(document: Any) -> Any:
    bare = tuple(replace(each, possession=b"") for each in document.validators)
    return replace(document, validators=bare)


@pytest.mark.parametrize("name", PUBLIC_NETWORKS)
def test_the_packaged_file_is_the_local_document(name: str) -> None:
    """Proofs are hedged signatures and differ; everything else is equal."""
    packaged = packaged_document(name)
    local = local_document(name, PACKAGED_FOUNDERS[name])
    assert unsigned(packaged) == unsigned(local)
    assert packaged.hash == local.hash
    assert check_document(packaged) == check_document(local) == ()


@pytest.mark.parametrize("name", PUBLIC_NETWORKS)
def test_the_packaged_hash_never_moves(name: str) -> None:
    document = packaged_document(name)
    assert document.hash.hex() == GOLDEN[name]["hash"]
    assert document.validator_set.hash.hex() == GOLDEN[name]["validator_set_hash"]


@pytest.mark.parametrize(("name", "founders"), [("devnet", 1), ("testnet", 4)])
def test_a_packaged_network_is_what_the_design_says(name: str, founders: int) -> None:
    document = packaged_document(name)
    assert document.network_id == {"devnet": 36999, "testnet": 36964}[name]
    assert document.public_keys
    assert len(document.validators) == founders
    assert document.genesis_time_ms == 1_767_225_600_000
    assert (document.consensus.delta_ms, document.consensus.clock_offset_ms) == (100, 0)
    funded = {account.address: account.balance for account in document.accounts}
    for index, founder in enumerate(document.validators):
        assert founder.public_key == founder_key(name, index).public_key
        assert founder.peer_id == peer_id_of_seed(founder_node_seed(name, index))
        assert founder.stake == 1_000_000 * AI
        assert funded[founder.address] > 0
    for index in range(8):
        assert funded[address_of_key(account_key(name, index).public_key)] == 1_000_000 * AI


def test_the_onion_of_a_founder_is_the_one_its_entry_commits_to() -> None:
    founder = local_document("devnet", 1, onion_length=300).validators[0]
    assert founder.onion_head == onion_head(founder_onion_seed("devnet", 0), 300)


def test_a_larger_local_network_extends_a_smaller_one() -> None:
    small = local_document("devnet", 1, onion_length=4)
    large = local_document("devnet", 7, onion_length=4)
    assert unsigned(large).validators[:1] == unsigned(small).validators
    assert large.hash != small.hash
    assert check_document(large) == ()


@pytest.mark.parametrize("founders", [0, FOUNDERS_MAX + 1])
def test_a_local_network_has_a_bounded_number_of_founders(founders: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        local_document("devnet", founders)


def test_no_two_public_keys_are_the_same() -> None:
    seeds = [
        key(name, index).seed
        for name in PUBLIC_NETWORKS
        for key in (founder_key, account_key)
        for index in range(4)
    ]
    seeds += [
        seed(name, index)
        for name in PUBLIC_NETWORKS
        for seed in (founder_node_seed, founder_onion_seed)
        for index in range(4)
    ]
    assert len(set(seeds)) == len(seeds) == 32


def test_mainnet_says_what_to_do() -> None:
    with pytest.raises(MainnetNotLaunched) as refusal:
        packaged_document("mainnet")
    for word in ("aichain genesis new", "add-validator", "check", "aichain run --network PATH"):
        assert word in refusal.value.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: packaged_document("atlantis"),
        lambda: local_document("mainnet", 4),
        lambda: founder_key("mainnet", 0),
        lambda: account_key("../secret", 0),
    ],
)
def test_other_names_have_no_public_keys(call: Any) -> None:
    with pytest.raises(NetworkUnknown):
        call()


def test_the_known_names_have_the_fixed_ids() -> None:
    assert known_networks() == ("devnet", "testnet", "mainnet")
    assert NETWORK_IDS == {"devnet": 36999, "testnet": 36964, "mainnet": 36963}
