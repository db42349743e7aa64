"""Genesis documents of any content, and TOML of any kind."""

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genesis import limits
from genesis.ceremony import check_document
from genesis.document import (
    GenesisAccount,
    GenesisDocument,
    GenesisValidator,
    parse_document,
    parse_validator,
    render_document,
)
from genesis.errors import InvalidGenesis
from genesis.networks import founder_key, local_document
from genesis.onion import Onion, peel
from genesis.params import ConsensusParams, FeeParams, RewardParams, StakingParams
from genesis.units import AI, BPS, Address
from native.hashing import Hash32
from native.node_keys import peer_id_of_seed

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
names = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,31}\Z")
labels = st.from_regex(r"\A[A-Za-z0-9 ._-]{0,64}\Z")
amounts = st.integers(1, 10**9 * AI)
peer_ids = st.binary(min_size=32, max_size=32).map(peer_id_of_seed)

consensus = st.builds(
    ConsensusParams,
    block_time_ms=st.integers(1, 60_000),
    epoch_blocks=st.integers(1, limits.EPOCH_BLOCKS_MAX),
    full_set_limit=st.integers(1, 64),
    delta_ms=st.integers(1, 60_000),
    clock_offset_ms=st.integers(0, 60_000),
    escape_ms=st.sampled_from((10_000, 1, 9_999, 600_000)),
)
fees = st.builds(
    FeeParams,
    max_block_weight=st.integers(170_000, 2**32 - 1),
    max_block_bytes=st.integers(170_000, 2**25),
    initial_base_fee=st.integers(10**9, AI),
    min_base_fee=st.integers(8, 10**9),
    account_creation_fee=st.integers(0, AI),
)
rewards = st.integers(0, BPS).flatmap(
    lambda share: st.builds(
        RewardParams,
        initial_reward=amounts.map(lambda amount: amount // 1000),
        halving_blocks=st.integers(1, 2**60),
        cap=amounts,
        treasury_bps=st.integers(0, BPS),
        validator_bps=st.just(share),
        ai_bps=st.just(BPS - share),
    )
)
staking = st.builds(
    StakingParams,
    min_validator_stake=st.integers(1, 1000 * AI),
    unbonding_blocks=st.integers(1, 2**60),
    max_validators=st.integers(3, limits.GENESIS_VALIDATORS_MAX),
    jail_blocks=st.integers(1, 2**60),
    max_unbondings=st.integers(1, 256),
)
accounts = st.lists(
    st.builds(
        GenesisAccount,
        address=st.binary(min_size=20, max_size=20).filter(any).map(Address),
        balance=amounts,
        label=labels,
    ),
    max_size=5,
    unique_by=lambda account: account.address,
)


@cache
def public_key(index: int) -> Any:
    return founder_key("devnet", index).public_key


def founders(count: int) -> Any:
    entry = st.builds(
        lambda name, stake, onion, length, commission, peer: (
            name,
            stake,
            onion,
            length,
            commission,
            peer,
        ),
        names,
        st.integers(1000 * AI, 10**6 * AI),
        hashes,
        st.integers(1, 2**24),
        st.integers(0, BPS),
        peer_ids,
    )
    return st.lists(
        entry, min_size=count, max_size=count, unique_by=(lambda row: row[0], lambda row: row[5])
    ).map(
        lambda rows: tuple(
            GenesisValidator(name, public_key(index), stake, peer, onion, length, commission)
            for index, (name, stake, onion, length, commission, peer) in enumerate(rows)
        )
    )


documents = st.builds(
    GenesisDocument,
    name=names,
    network_id=st.integers(1, 2**32 - 1),
    genesis_time_ms=st.integers(1, 2**63 - 1),
    seed=hashes,
    consensus=consensus,
    fees=fees,
    rewards=rewards,
    staking=staking,
    accounts=accounts.map(tuple),
    validators=st.integers(0, 3).flatmap(founders),
    public_keys=st.booleans(),
)

SLOW = settings(max_examples=60)


@SLOW
@given(documents)
def test_a_document_survives_its_text(document: Any) -> None:
    again = parse_document(render_document(document))
    assert again == document
    assert again.hash == document.hash


@SLOW
@given(documents, documents)
def test_documents_are_equal_exactly_if_their_hashes_are(first: Any, second: Any) -> None:
    assert (first.hash == second.hash) == (first == second)


@SLOW
@given(documents)
def test_the_check_of_any_draft_gives_sentences_and_never_raises(document: Any) -> None:
    problems = check_document(document)
    assert all(isinstance(problem, str) and problem for problem in problems)
    assert problems, "an unsigned or empty draft must not launch"


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_refused(text: str) -> None:
    for parse in (parse_document, parse_validator):
        try:
            parse(text)
        except InvalidGenesis:
            continue


TEXT = render_document(local_document("devnet", 1, onion_length=4))


@settings(max_examples=200)
@given(st.integers(0, len(TEXT) - 1), st.text(max_size=3), st.integers(0, 3))
def test_a_scratched_document_is_refused_or_another_one(place: int, patch: str, cut: int) -> None:
    scratched = TEXT[:place] + patch + TEXT[place + cut :]
    try:
        document = parse_document(scratched)
    except InvalidGenesis:
        return
    assert parse_document(render_document(document)) == document


@given(st.binary(min_size=32, max_size=32), st.integers(1, 600), st.data())
def test_any_layer_of_an_onion_hashes_to_the_next(seed: bytes, length: int, data: Any) -> None:
    onion = Onion.build(seed, length)
    remaining = data.draw(st.integers(1, length))
    above = onion.head if remaining == length else onion.reveal(remaining + 1)
    assert peel(onion.reveal(remaining)) == above
