"""A block of transfers on a funded state, as light as it can be made, to time execution with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from genesis.document import GenesisDocument
from genesis.networks import founder_onion_seed, local_document
from genesis.onion import Onion
from genesis.params import FeeParams
from genesis.units import AI, Address
from native import codec
from native.hashing import blake3_256
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Algorithm
from vm.blocks import VerifiedBlock
from vm.build import BlockAttributes, build_block
from vm.genesis_block import genesis_state
from vm.headers import earliest_timestamp_ms
from vm.onions import onion_at
from vm.records import Account, account_key, encode_account, public_key_key
from vm.state import Outcome, State
from vm.transactions import Transaction, Transfer, VerifiedTransaction, decode_transaction

ALGORITHM = Algorithm.ML_DSA_65
SIGNATURE = bytes(SIGNATURE_BYTES[ALGORITHM])
ROOMY = FeeParams(max_block_weight=2**31, max_block_bytes=2**25)
BALANCE = 10**6 * AI


@dataclass(frozen=True, slots=True)
class Scene:
    """A committed state, a block on it, and the candidates it was built of."""

    state: State
    candidates: Sequence[VerifiedTransaction]
    block: VerifiedBlock
    attributes: BlockAttributes


def make_scene(accounts: int, transactions: int, senders: int) -> Scene:
    """`transactions` transfers of `senders` among `accounts` funded accounts with known keys."""
    document = local_document("devnet", 1)
    document = _with_fees(document, ROOMY)
    state = _funded(genesis_state(document), accounts)
    candidates = [
        _transfer(document, index % senders, index // senders, (index * 7 + 1) % accounts)
        for index in range(transactions)
    ]
    attributes = _attributes(state, 2)
    block = build_block(state, candidates, attributes).block
    assert len(block.transactions) == transactions, "every candidate is good"
    return Scene(state, candidates, block, attributes)


def _with_fees(document: GenesisDocument, fees: FeeParams) -> GenesisDocument:
    return GenesisDocument(
        name=document.name,
        network_id=document.network_id,
        genesis_time_ms=document.genesis_time_ms,
        seed=document.seed,
        consensus=document.consensus,
        fees=fees,
        accounts=document.accounts,
        validators=document.validators,
        public_keys=True,
        upgrades=document.upgrades,
    )


def _funded(genesis: State, accounts: int) -> State:
    """A child of genesis with more accounts, as read back from a database."""
    account = encode_account(Account(0, BALANCE, 0, int(ALGORITHM)))
    changes: dict[bytes, bytes | None] = {}
    for index in range(accounts):
        changes[account_key(_address(index))] = account
        changes[public_key_key(_address(index))] = bytes(PUBLIC_KEY_BYTES[ALGORITHM])
    block = build_block(genesis, [], _attributes(genesis, 1)).block
    state = genesis.after(block.header, Outcome(changes, ()))
    database = {**genesis.changes, **changes}
    state.collapse(cast("dict[bytes, bytes]", database))
    return state


def _attributes(state: State, view: int) -> BlockAttributes:
    """The turn of devnet's only founder in a view of the first epoch."""
    left = onion_at(state.get, 0, 0).layers
    reveal = Onion.build(founder_onion_seed("devnet", 0), left).reveal(left)
    return BlockAttributes(0, view, view - 1, 0, earliest_timestamp_ms(state), reveal)


def _address(index: int) -> Address:
    return Address(blake3_256(index.to_bytes(4, "big"))[:20])


def _transfer(document: GenesisDocument, sender: int, nonce: int, to: int) -> VerifiedTransaction:
    transaction = Transaction(
        network_id=document.network_id,
        sender=_address(sender),
        nonce=nonce,
        fee_max=AI,
        tip=1,
        valid_until=100,
        body=Transfer(_address(to), AI),
    )
    witness = codec.encode([int(ALGORITHM), b"", SIGNATURE])
    raw = b"\x92" + transaction.unsigned_bytes + witness
    return VerifiedTransaction(decode_transaction(raw))
