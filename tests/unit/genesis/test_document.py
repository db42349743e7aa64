"""Genesis documents: text and value, hash, and every way to be refused."""

from dataclasses import replace
from typing import Any

import pytest

from genesis.document import (
    GenesisAccount,
    GenesisDocument,
    InvalidGenesis,
    parse_document,
    parse_validator,
    render_document,
    render_validator,
)
from genesis.networks import local_document
from genesis.params import ConsensusParams, FeeParams, RewardParams, StakingParams
from genesis.units import AI, U128_MAX, Address
from native.hashing import Hash32

DOCUMENT = local_document("testnet", 3, onion_length=8)
TEXT = render_document(DOCUMENT)


def edited(old: Any, new: Any, text: str = TEXT) -> Any:
    assert old in text
    return text.replace(old, new, 1)


def test_a_document_survives_its_text() -> None:
    assert parse_document(TEXT) == DOCUMENT
    assert render_document(parse_document(TEXT)) == TEXT


def test_the_hash_is_of_the_content_and_not_of_the_text() -> None:
    ragged = "# a comment\n\n" + TEXT.replace(" = ", "   =  ")
    assert parse_document(ragged).hash == DOCUMENT.hash


def test_the_hash_binds_everything_but_the_witnesses() -> None:
    first, *rest = DOCUMENT.validators
    changed = [
        replace(DOCUMENT, name="other"),
        replace(DOCUMENT, network_id=5),
        replace(DOCUMENT, genesis_time_ms=5),
        replace(DOCUMENT, seed=Hash32(b"\1" * 32)),
        replace(DOCUMENT, consensus=replace(DOCUMENT.consensus, delta_ms=99)),
        replace(DOCUMENT, fees=FeeParams(account_creation_fee=1)),
        replace(DOCUMENT, rewards=RewardParams(treasury_bps=1)),
        replace(DOCUMENT, staking=StakingParams(jail_blocks=1)),
        replace(DOCUMENT, accounts=DOCUMENT.accounts[1:]),
        replace(DOCUMENT, accounts=DOCUMENT.accounts[::-1]),
        replace(DOCUMENT, validators=(replace(first, commission_bps=1), *rest)),
        replace(DOCUMENT, validators=(*rest, first)),
        replace(DOCUMENT, public_keys=False),
    ]
    assert len({DOCUMENT.hash, *(each.hash for each in changed)}) == len(changed) + 1
    unsigned = replace(DOCUMENT, validators=(replace(first, possession=b""), *rest))
    assert unsigned.hash == DOCUMENT.hash


def test_the_supply_is_balances_and_stakes() -> None:
    assert DOCUMENT.supply == 8 * 1_000_000 * AI + 3 * (10_000 + 1_000_000) * AI


def test_the_validator_set_keeps_the_order_of_the_document() -> None:
    validators = DOCUMENT.validator_set
    assert [each.public_key for each in validators] == [
        each.public_key for each in DOCUMENT.validators
    ]
    assert validators.total_stake == 3_000_000 * AI
    assert validators.index_of(DOCUMENT.validators[2].address) == 2


def test_a_draft_without_validators_is_a_document() -> None:
    draft = replace(DOCUMENT, validators=(), accounts=())
    assert parse_document(render_document(draft)) == draft
    assert draft.supply == 0


def test_one_entry_travels_alone() -> None:
    founder = DOCUMENT.validators[1]
    assert parse_validator(render_validator(founder)) == founder
    both = render_validator(founder) + render_validator(DOCUMENT.validators[0])
    for text in (both, "", TEXT, "validators = 5", "validators = [5]"):
        with pytest.raises(InvalidGenesis):
            parse_validator(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks"),
        ("= 5", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        (edited("format = 1", "format = 2"), "format"),
        (edited("format = 1", "format = 1\nextra = 1"), "unknown key 'extra'"),
        (edited('seed = "', 'sead = "'), "unknown key 'sead'"),
        (edited("network_id = 36964", ""), "lacks network_id"),
        (edited("network_id = 36964", "network_id = 4294967296"), "network_id"),
        (edited("network_id = 36964", "network_id = 0"), "network_id"),
        (edited("network_id = 36964", "network_id = -1"), "network_id"),
        (edited("network_id = 36964", "network_id = 1.0"), "network_id"),
        (edited("network_id = 36964", "network_id = true"), "network_id"),
        (edited("public_keys = true", "public_keys = 1"), "public_keys"),
        (edited('name = "testnet"', 'name = "Test Net"'), "name"),
        (edited('name = "testnet"', "name = 5"), "not a string"),
        (edited('seed = "0x', 'seed = "0x00'), "seed"),
        (edited('seed = "0x', 'seed = "'), "seed"),
        (edited("epoch_blocks = 256", "epoch_blocks = 0"), "epoch_blocks"),
        (edited("epoch_blocks = 256", "epochs = 256"), "unknown key 'epochs'"),
        (edited("epoch_blocks = 256", ""), "lacks epoch_blocks"),
        (edited("quorum_percent = 69", "quorum_percent = 51"), "quorum_percent"),
        (edited('cap = "900000000"', "cap = 900000000"), "not a string"),
        (edited('cap = "900000000"', 'cap = "9e8"'), "not an amount"),
        (edited('balance = "1000000"', 'balance = "0"'), "balance"),
        (edited('balance = "1000000"', 'balance = "-1"'), "not an amount"),
        (edited('address = "0x', 'address = "1x'), "address"),
        (edited('label = "account-0"', 'label = "a\\nb"'), "label"),
        (edited('name = "founder-1"', 'name = "founder-0"'), "founder-0 appears twice"),
        (edited('stake = "1000000"', 'stake = "1999"'), "min_validator_stake"),
        (edited("onion_length = 8", "onion_length = 0"), "onion_length"),
        (edited("onion_length = 8", "onion_length = 16777217"), "onion_length"),
        (edited("commission_bps = 0", "commission_bps = 10001"), "commission_bps"),
        (edited('peer_id = "12D3', 'peer_id = "0OIl'), "founder-0: peer_id is not"),
        (edited('peer_id = "12D3', 'peer_id = "Qm'), "founder-0: peer_id is not"),
        (edited('public_key = "0x', 'public_key = "0x00'), "public_key"),
        (edited('possession = "0x', 'possession = "0x00'), "possession"),
        (edited("[consensus]", "[[consensus]]"), "not a table"),
        (edited("genesis_time_ms = 1767225600000", "genesis_time_ms = 0"), "genesis_time_ms"),
        ("#" * (16 * 1024 * 1024 + 1), "longer than"),
        (edited("epoch_blocks = 256", "epoch_blocks = 256\nescape_ms = 0"), "escape_ms"),
    ],
)
def test_a_broken_document_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidGenesis, match=reason):
        parse_document(text)


@pytest.mark.parametrize("peer_id", [b"", b"xx", bytes(38), b"\x12\x20" + bytes(32)])
def test_a_founders_peer_id_is_that_of_a_libp2p_node(peer_id: bytes) -> None:
    with pytest.raises(InvalidGenesis, match="peer_id"):
        replace(DOCUMENT.validators[0], peer_id=peer_id)


def test_addresses_keys_and_peer_ids_appear_once() -> None:
    first, second, *_ = DOCUMENT.validators
    account = DOCUMENT.accounts[0]
    for changes in (
        {"accounts": (account, replace(account, label="again"))},
        {"validators": (first, replace(second, public_key=first.public_key))},
        {"validators": (first, replace(second, peer_id=first.peer_id))},
        {"validators": (first, replace(second, name=first.name))},
    ):
        with pytest.raises(InvalidGenesis, match="twice"):
            replace(DOCUMENT, **changes)


def test_more_validators_than_the_parameters_allow_are_refused() -> None:
    with pytest.raises(InvalidGenesis, match="more than 2 validators"):
        replace(DOCUMENT, staking=StakingParams(max_validators=2))


def test_a_chain_has_lanes_exactly_if_its_sets_may_be_larger_than_all_can_vote_in() -> None:
    assert not DOCUMENT.has_lanes
    assert replace(DOCUMENT, staking=StakingParams(max_validators=21)).has_lanes
    assert replace(DOCUMENT, consensus=ConsensusParams(full_set_limit=19)).has_lanes
    wide = replace(DOCUMENT, consensus=ConsensusParams(full_set_limit=64))
    assert not replace(wide, staking=StakingParams(max_validators=64)).has_lanes


def test_more_founders_than_twenty_need_a_document_that_says_so() -> None:
    many = local_document("testnet", 24, onion_length=8)
    assert many.has_lanes
    assert parse_document(render_document(many)) == many
    with pytest.raises(InvalidGenesis, match="more than 20 validators"):
        replace(many, staking=StakingParams())


def test_a_parameter_that_came_later_leaves_older_documents_and_hashes_alone() -> None:
    assert "escape_ms" not in TEXT
    said = parse_document(edited("delta_ms", "escape_ms = 10_000\ndelta_ms"))
    assert (said, said.hash) == (DOCUMENT, DOCUMENT.hash)
    other = parse_document(edited("delta_ms", "escape_ms = 9_999\ndelta_ms"))
    assert other.consensus.escape_ms == 9_999
    assert other.hash != DOCUMENT.hash
    assert parse_document(render_document(other)) == other


def test_a_supply_that_could_overflow_is_refused() -> None:
    rich = GenesisAccount(Address(b"\1" * 20), U128_MAX)
    with pytest.raises(InvalidGenesis, match="supply"):
        replace(DOCUMENT, accounts=(rich,))


@pytest.mark.parametrize(
    ("address", "balance", "label"),
    [
        (bytes(20), 1, ""),
        (bytes(19), 1, ""),
        (b"\1" * 20, 0, ""),
        (b"\1" * 20, U128_MAX + 1, ""),
        (b"\1" * 20, 1, 'quote"'),
        (b"\1" * 20, 1, "x" * 65),
    ],
)
def test_a_broken_account_cannot_be_built(address: bytes, balance: int, label: str) -> None:
    with pytest.raises(InvalidGenesis):
        GenesisAccount(Address(address), balance, label)


def test_a_document_needs_only_four_values() -> None:
    document = GenesisDocument("my-net", 7, 1, Hash32(b"\1" * 32))
    assert parse_document(render_document(document)) == document
