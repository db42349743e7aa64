"""The launch ceremony from an empty draft to a document that a node starts from."""

from dataclasses import replace
from typing import Any

import pytest

from genesis.ceremony import (
    add_account,
    add_validator,
    check_document,
    document_notices,
    new_document,
    new_validator,
    require_launchable,
)
from genesis.document import (
    parse_document,
    parse_validator,
    render_document,
    render_validator,
)
from genesis.entries import GENESIS_CONTEXT
from genesis.errors import InvalidGenesis
from genesis.networks import account_key, founder_key, packaged_document
from genesis.params import ConsensusParams
from genesis.units import AI, address_of_key
from native.hashing import ZERO_HASH, Hash32
from native.node_keys import peer_id_of_seed
from native.signatures import SigningKey, verify

NETWORK = 36963
SEED = Hash32(b"\7" * 32)
KEYS = [SigningKey.from_seed(bytes([index]) * 32) for index in range(1, 5)]


def make_entry(
    index: int = 0, *, key: Any = None, network_id: int = NETWORK, stake: Any = 5000 * AI
) -> Any:
    return new_validator(
        key or KEYS[index],
        network_id=network_id,
        name=f"house-{index}",
        stake=stake,
        peer_id=peer_id_of_seed(bytes([index]) * 32),
        onion_seed=bytes([index]) * 32,
        onion_length=16,
        commission_bps=500,
    )


def make_launch(founders: int = 4) -> Any:
    document = new_document("mainnet", NETWORK, 1_800_000_000_000, SEED)
    for index in range(founders):
        document = add_validator(document, make_entry(index))
        owner = address_of_key(KEYS[index].public_key)
        document = add_account(document, owner, 10 * AI, f"house {index}")
    return document


def test_a_ceremony_ends_in_a_document_that_launches() -> None:
    document = make_launch()
    assert check_document(document) == ()
    assert document_notices(document) == ()
    require_launchable(document)
    assert parse_document(render_document(document)) == document


def test_an_entry_made_elsewhere_arrives_as_text() -> None:
    entry = parse_validator(render_validator(make_entry(1)))
    document = add_validator(new_document("mainnet", NETWORK, 1, SEED), entry)
    assert document.validators == (entry,)


def test_the_proof_is_a_signature_under_the_genesis_context() -> None:
    entry = make_entry()
    message = entry.signing_bytes(NETWORK)
    assert verify(entry.public_key, message, GENESIS_CONTEXT, entry.possession)
    assert GENESIS_CONTEXT == b"aichain/genesis/v1"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "another"},
        {"stake": 5001 * AI},
        {"peer_id": peer_id_of_seed(b"\7" * 32)},
        {"onion_head": SEED},
        {"onion_length": 17},
        {"commission_bps": 501},
        {"public_key": KEYS[3].public_key},
        {"possession": b""},
        {"possession": bytes(3309)},
    ],
)
def test_an_entry_changed_after_signing_is_refused_and_named(changes: Any) -> None:
    forged = replace(make_entry(), **changes)
    draft = new_document("mainnet", NETWORK, 1, SEED)
    with pytest.raises(InvalidGenesis, match="proof of possession"):
        add_validator(draft, forged)
    problems = check_document(replace(draft, validators=(forged,)))
    assert any(forged.name in problem and "possession" in problem for problem in problems)


def test_an_entry_for_another_network_is_refused() -> None:
    with pytest.raises(InvalidGenesis, match="not for this network"):
        add_validator(new_document("mainnet", NETWORK, 1, SEED), make_entry(network_id=5))


def test_an_entry_is_signed_by_its_own_key() -> None:
    with pytest.raises(InvalidGenesis, match="another key"):
        make_entry(0).signed(KEYS[1], NETWORK)


def test_the_same_founder_or_account_cannot_be_added_twice() -> None:
    document = make_launch(1)
    with pytest.raises(InvalidGenesis, match="twice"):
        add_validator(document, make_entry(0))
    with pytest.raises(InvalidGenesis, match="twice"):
        add_account(document, document.accounts[0].address, 1)


def test_an_empty_draft_says_what_it_lacks() -> None:
    problems = check_document(new_document("mainnet", NETWORK, 1, ZERO_HASH))
    assert len(problems) == 2
    assert "no validator" in problems[0]
    assert "seed" in problems[1]
    with pytest.raises(InvalidGenesis, match=r"no validator.*seed"):
        require_launchable(new_document("mainnet", NETWORK, 1, ZERO_HASH))


def test_every_problem_is_named_at_once() -> None:
    document = make_launch()
    spoiled = tuple(replace(each, possession=b"") for each in document.validators[:2])
    document = replace(document, validators=(*spoiled, *document.validators[2:]), seed=ZERO_HASH)
    assert len(check_document(document)) == 3


@pytest.mark.parametrize(("name", "network_id"), [("mainnet", 1), ("other", 36963)])
def test_reserved_names_and_ids_go_together(name: str, network_id: int) -> None:
    document = add_validator(
        new_document(name, network_id, 1, SEED), make_entry(network_id=network_id)
    )
    (problem,) = check_document(document)
    assert "network id" in problem


def test_more_validators_than_can_all_vote_may_be_launched_in_two_lanes() -> None:
    document = replace(make_launch(4), consensus=ConsensusParams(full_set_limit=3))
    assert document.has_lanes
    assert check_document(document) == ()


def test_well_known_keys_are_a_problem_on_a_real_network() -> None:
    document = make_launch()
    public_account = address_of_key(account_key("devnet", 3).public_key)
    gift = add_account(document, public_account, AI)
    infiltrated = add_validator(document, make_entry(9, key=founder_key("testnet", 2)))
    for spoiled in (gift, infiltrated):
        (problem,) = check_document(spoiled)
        assert "well-known test key" in problem
    assert check_document(packaged_document("devnet")) == ()


def test_notices_tell_of_a_founder_who_can_stop_the_chain_or_cannot_pay() -> None:
    document = make_launch(3)
    poor = replace(document, accounts=document.accounts[1:])
    notices = document_notices(poor)
    assert sum("alone can stop" in notice for notice in notices) == 3
    assert sum("no balance" in notice for notice in notices) == 1
