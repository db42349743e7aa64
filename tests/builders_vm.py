"""Builders of vm values: valid by default, one keyword breaks one rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import cast

from genesis.document import GenesisAccount, GenesisDocument, GenesisValidator
from genesis.epochs import epoch_of_height
from genesis.onion import Onion
from genesis.params import ConsensusParams, FeeParams, RewardParams, StakingParams
from genesis.units import AI, Address, address_of_key
from genesis.upgrades import NEWEST_FROM_THE_START
from native import codec
from native.hashing import ZERO_HASH, Hash32, derive_hash
from native.signatures import SIGNATURE_BYTES, Algorithm, SigningKey
from vm.apply import apply_block
from vm.blocks import Block, VerifiedBlock, transactions_root, witnesses_root
from vm.build import BlockAttributes, Built, build_block
from vm.draft import Draft
from vm.genesis_block import genesis_state
from vm.headers import earliest_timestamp_ms
from vm.onions import onion_at
from vm.queries import account_view
from vm.receipts import Receipt
from vm.records import Account, account_key, encode_account
from vm.state import Outcome, State
from vm.transactions import (
    Body,
    RegisterValidator,
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    decode_transaction,
)

NETWORK_ID = 36_999
FOUNDERS = 2
PURSES = 6
PURSE = 1_000_000 * AI
FOUNDER_STAKE = 5_000 * AI
ONION_LAYERS = 1_000
FEES = FeeParams()
REWARDS = RewardParams()
STAKING = StakingParams(
    min_validator_stake=2_000 * AI,
    unbonding_blocks=5,
    max_validators=8,
    jail_blocks=3,
    max_unbondings=3,
)


@cache
def key(index: int) -> SigningKey:
    """Keys 0 and 1 are the founders', the next PURSES ones own a purse, the rest own nothing."""
    return SigningKey.from_seed(derive_hash("aichain/test/key/v1", index.to_bytes(4, "big")))


@cache
def address(index: int) -> Address:
    return address_of_key(key(index).public_key)


@cache
def make_document(
    *,
    epoch_blocks: int = 4,
    staking: StakingParams = STAKING,
    rewards: RewardParams = REWARDS,
    fees: FeeParams = FEES,
) -> GenesisDocument:
    purses = tuple(
        GenesisAccount(address(index), PURSE, f"purse-{index}")
        for index in range(FOUNDERS, FOUNDERS + PURSES)
    )
    return GenesisDocument(
        name="test",
        network_id=NETWORK_ID,
        genesis_time_ms=1_000_000,
        seed=Hash32(bytes(32)),
        consensus=ConsensusParams(epoch_blocks=epoch_blocks),
        fees=fees,
        rewards=rewards,
        staking=staking,
        accounts=(GenesisAccount(address(0), 100 * AI, "founder-0"), *purses),
        validators=make_founders(FOUNDERS),
        upgrades=NEWEST_FROM_THE_START,
    )


def make_founders(count: int) -> tuple[GenesisValidator, ...]:
    """Keys 0 … of one stake each."""
    return tuple(
        GenesisValidator(
            name=f"founder-{index}",
            public_key=key(index).public_key,
            stake=FOUNDER_STAKE,
            peer_id=peer_id(index),
            onion_head=make_onion(index).head,
            onion_length=make_onion(index).length,
            commission_bps=100,
        )
        for index in range(count)
    )


@cache
def make_onion(index: int, renewals: int = 0) -> Onion:
    """The onions of a consensus key, one after the other."""
    seed = derive_hash("aichain/test/onion/v1", bytes([index, renewals]))
    return Onion.build(seed, ONION_LAYERS)


@cache
def key_indices() -> dict[Address, int]:
    return {address(index): index for index in range(100)}


def peer_id(index: int) -> bytes:
    return b"\x00\x24\x08\x01\x12\x20" + derive_hash("aichain/test/peer/v1", bytes([index]))


@cache
def make_state(document: GenesisDocument | None = None) -> State:
    """The state of block 0."""
    return genesis_state(document or make_document())


def make_transaction(
    body: Body | None = None,
    *,
    sender: int = 2,
    nonce: int = 0,
    fee_max: int = AI,
    tip: int = 7,
    valid_until: int = 1_000,
    network_id: int = NETWORK_ID,
) -> Transaction:
    """By default one coin from purse 2 to purse 3."""
    return Transaction(
        network_id=network_id,
        sender=address(sender),
        nonce=nonce,
        fee_max=fee_max,
        tip=tip,
        valid_until=valid_until,
        body=body if body is not None else make_transfer(),
    )


def make_transfer(to: int = 3, amount: int = AI, memo: bytes = b"") -> Transfer:
    return Transfer(address(to), amount, memo)


def make_registration(
    consensus: int = 40,
    *,
    stake: int = 2_500 * AI,
    peer: int | None = None,
    renewals: int = 0,
) -> RegisterValidator:
    """Its proof of possession has the right length and nothing else: vm verifies no signature."""
    return RegisterValidator(
        public_key=key(consensus).public_key,
        possession=bytes(SIGNATURE_BYTES[Algorithm.ML_DSA_65]),
        peer_id=peer_id(consensus if peer is None else peer),
        commission_bps=500,
        onion_head=make_onion(consensus, renewals).head,
        onion_length=make_onion(consensus, renewals).length,
        stake=stake,
    )


def seal(
    transaction: Transaction, *, reveal: bool | None = None, sender: int | None = None
) -> VerifiedTransaction:
    """The transaction with a blank signature, as if the shell had verified one.

    By default the key is revealed with nonce 0, except by founders, whose key genesis reveals.
    """
    index = sender if sender is not None else sender_index(transaction)
    revealed = transaction.nonce == 0 and index >= FOUNDERS if reveal is None else reveal
    algorithm = key(index).algorithm
    public_key = key(index).public_key if revealed else b""
    witness = codec.encode([int(algorithm), public_key, bytes(SIGNATURE_BYTES[algorithm])])
    raw = b"\x92" + transaction.unsigned_bytes + witness
    return VerifiedTransaction(decode_transaction(raw))


def sender_index(transaction: Transaction) -> int:
    return key_indices()[transaction.sender]


def make_attributes(state: State, *, proposer_index: int = 0, **changes: int) -> BlockAttributes:
    """Of a child of this state's head, in the first view after it, honestly revealed."""
    height, epoch_blocks = state.head.height + 1, state.document.consensus.epoch_blocks
    epoch = epoch_of_height(height, epoch_blocks)
    parent_view = 0 if (height - 1) % epoch_blocks == 0 else state.head.view
    reveal = make_reveal(state, epoch, proposer_index)
    at_ms = earliest_timestamp_ms(state)
    attributes = BlockAttributes(epoch, parent_view + 1, parent_view, proposer_index, at_ms, reveal)
    return replace(attributes, **changes)  # type: ignore[arg-type]


def make_reveal(state: State, epoch: int, place: int) -> Hash32:
    """What a voter has to reveal next; zero when there is no such voter, or nothing left."""
    voters = state.epoch(epoch)
    if voters is None or place >= len(voters.seats):
        return ZERO_HASH
    record = onion_at(state.get, voters.seats[place].index, epoch)
    if record.layers == 0:
        return ZERO_HASH
    index = key_indices()[voters.validators[place].address]
    return make_onion(index, record.renewals).reveal(record.layers)


def build(state: State, transactions: Iterable[SignedTransaction] = (), **attributes: int) -> Built:
    candidates = cast("Iterable[VerifiedTransaction]", transactions)
    return build_block(state, candidates, make_attributes(state, **attributes))


def make_block(
    state: State, transactions: Sequence[SignedTransaction] = (), **header: object
) -> VerifiedBlock:
    """A child block of exactly these transactions; keywords replace header fields afterwards."""
    roots = {
        "tx_root": transactions_root(transactions),
        "witness_root": witnesses_root(transactions),
    }
    sealed = replace(build(state).block.header, **(roots | header))  # type: ignore[arg-type]
    return VerifiedBlock(Block(sealed, tuple(transactions)))


def advance(
    state: State, *transactions: SignedTransaction, **attributes: int
) -> tuple[State, tuple[Receipt, ...]]:
    """Build a block that must take every transaction, and apply it as another node would."""
    built = build(state, transactions, **attributes)
    assert not built.dropped, built.dropped
    assert len(built.block.transactions) == len(transactions), "every transaction is taken"
    after, receipts = apply_block(state, built.block)
    assert after.root == built.state.root
    return after, receipts


def advance_to(state: State, height: int) -> State:
    """Empty blocks up to a height."""
    while state.head.height < height:
        state, _ = advance(state)
    return state


def seed_of(state: State, epoch: int) -> Hash32:
    """The seed of an epoch that this state knows."""
    known = state.epoch(epoch)
    assert known is not None
    return known.seed


def with_records(state: State, changes: dict[bytes, bytes | None]) -> State:
    """The same block with other records: to start from states that are long to reach."""
    return state.after(state.head, Outcome(changes, ()))


def with_account(state: State, index: int, account: Account) -> State:
    return with_records(state, {account_key(address(index)): encode_account(account)})


def balance(state: State, index: int) -> int:
    return account_view(state, address(index)).balance


def account_of(draft: Draft, index: int) -> Account:
    account = draft.account(address(index))
    assert account is not None
    return account


def all_records(
    states: Iterable[State], stored: Mapping[bytes, bytes] | None = None
) -> dict[bytes, bytes]:
    """What a database holds after these states, oldest first, were committed to it."""
    records = dict(stored or {})
    for state in states:
        for each, value in state.changes.items():
            if value is None:
                records.pop(each, None)
            else:
                records[each] = value
    return records
