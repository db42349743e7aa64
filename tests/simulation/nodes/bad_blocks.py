"""Blocks that no rule allows, each with one thing wrong, made of a block that is right."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from aichain.chain import Chain
from aichain.node.charges import MISSET_CLOCK_MS
from genesis.beacon import mixed
from genesis.networks import account_key
from genesis.units import U64_MAX, address_of_key
from genesis.validators import VALIDATOR_ALGORITHM
from native.hashing import Hash32, derive_hash
from native.signatures import SIGNATURE_BYTES
from vm.blocks import Block, Header, transactions_root, witnesses_root
from vm.queries import account_view
from vm.state import State
from vm.system_bodies import Participation
from vm.transactions import (
    Body,
    SignedTransaction,
    Transaction,
    Transfer,
    decode_transaction,
    sign_transaction,
)

_ACCOUNT: Final = 5
"""Nobody else spends from it."""
_FEE: Final = 10**17
_FAR_MS: Final = 2 * MISSET_CLOCK_MS
_MEMO_BYTES: Final = 64
_TOO_MANY: Final = 420
"""With their keys and signatures, more than the two megabytes of a block."""


@dataclass(frozen=True, slots=True)
class BadBlock:
    """What is proposed and served. `transactions` need not be what the header says."""

    header: Header
    transactions: tuple[SignedTransaction, ...]
    justify_view: int


Maker = Callable[[Chain, Block], BadBlock | None]


@dataclass(frozen=True, slots=True)
class BadKind:
    """One way to break the rules of blocks, and the class that names it."""

    make: Maker
    refusal: str
    """Empty: the rules charge nobody, for a block whose parent we lack may be good."""


def _sealed(
    block: Block, transactions: tuple[SignedTransaction, ...], **fields: object
) -> BadBlock:
    roots = {"tx_root": transactions_root(transactions)}
    roots["witness_root"] = witnesses_root(transactions)
    header: Header = replace(block.header, **(roots | fields))  # type: ignore[arg-type]
    return BadBlock(header, transactions, header.parent_view)


def _with(change: Callable[[State, Block], SignedTransaction]) -> Maker:
    """The same block and one transaction more."""

    def make(chain: Chain, block: Block) -> BadBlock | None:
        state = _parent(chain, block)
        if state is None:
            return None
        return _sealed(block, (*block.transactions, change(state, block)))

    return make


def _header(change: Callable[[State, Header], dict[str, object]]) -> Maker:
    """The same body under another header."""

    def make(chain: Chain, block: Block) -> BadBlock | None:
        state = _parent(chain, block)
        if state is None:
            return None
        return _sealed(block, block.transactions, **change(state, block.header))

    return make


def _parent(chain: Chain, block: Block) -> State | None:
    return chain.state_of(block.header.parent_id)


def _signed(state: State, height: int, body: Body, *, nonce: int = 0, tip: int = 0) -> Transaction:
    sender = address_of_key(account_key("testnet", _ACCOUNT).public_key)
    fee = 0 if isinstance(body, Participation) else _FEE
    network = state.document.network_id
    return Transaction(network, sender, nonce, fee, tip, height + 100, body)


def _seal(transaction: Transaction) -> SignedTransaction:
    return sign_transaction(transaction, account_key("testnet", _ACCOUNT), reveal=True)


def _transfer(state: State, block: Block, **fields: int) -> SignedTransaction:
    body = Transfer(address_of_key(account_key("testnet", 6).public_key), 1, b"")
    return _seal(_signed(state, block.header.height, body, **fields))


def _bad_nonce(state: State, block: Block) -> SignedTransaction:
    return _transfer(state, block, nonce=9)


def _bad_signature(state: State, block: Block) -> SignedTransaction:
    raw = bytearray(_transfer(state, block).raw)
    raw[-1] ^= 1
    return decode_transaction(bytes(raw))


def _overdraft(state: State, block: Block) -> SignedTransaction:
    sender = address_of_key(account_key("testnet", _ACCOUNT).public_key)
    return _transfer(state, block, tip=account_view(state, sender).balance)


def _false_votes(state: State, block: Block) -> SignedTransaction:
    """Votes for the last block of an epoch that has not begun."""
    forged = bytes(SIGNATURE_BYTES[VALIDATOR_ALGORITHM])
    body = Participation(block.header.epoch + 7, 1, b"\x01", (forged,))
    return _seal(_signed(state, block.header.height, body))


def _twice(chain: Chain, block: Block) -> BadBlock | None:
    state = _parent(chain, block)
    return None if state is None else _sealed(block, (_transfer(state, block),) * 2)


def _oversize(chain: Chain, block: Block) -> BadBlock | None:
    state = _parent(chain, block)
    if state is None:
        return None
    return _sealed(block, _many(state.document.network_id, block.header.height // 50))


@cache
def _many(network_id: int, age: int) -> tuple[SignedTransaction, ...]:
    """More than a block takes; every signature holds."""
    key = account_key("testnet", _ACCOUNT)
    body, until = Transfer(address_of_key(key.public_key), 1, bytes(_MEMO_BYTES)), 50 * age + 100
    sender = address_of_key(key.public_key)
    return tuple(
        _seal(Transaction(network_id, sender, nonce, _FEE, 0, until, body))
        for nonce in range(_TOO_MANY)
    )


def _other_witnesses(_: Chain, block: Block) -> BadBlock:
    """The ids lead to the header's root; no body at all has the witnesses that it names."""
    header = replace(block.header, witness_root=_other(block.header.witness_root))
    return BadBlock(header, block.transactions, header.parent_view)


def _stale_parent(chain: Chain, block: Block) -> BadBlock | None:
    """Beside its own parent, on the block below it, as if that one had just been NOTAR."""
    parent = chain.header_of(block.header.parent_id)
    below = None if parent is None else chain.header_of(parent.parent_id)
    if parent is None or below is None or parent.epoch != block.header.epoch:
        return None
    if not parent.parent_view < parent.view < block.header.view:
        return None  # a term that has just begun counts its views anew
    return _sealed(
        block,
        (),
        height=parent.height,
        parent_id=parent.parent_id,
        parent_view=parent.parent_view,
        header_mmr_root=parent.header_mmr_root,
        parent_receipts_root=parent.parent_receipts_root,
        parent_state_root=parent.parent_state_root,
        beacon_mix=mixed(below.beacon_mix, block.header.onion_reveal),
    )


def _other(name: Hash32) -> Hash32:
    return derive_hash("aichain/test/other", name)


def _wrong_reveal(state: State, header: Header) -> dict[str, object]:
    reveal = _other(header.onion_reveal)
    return {"onion_reveal": reveal, "beacon_mix": mixed(state.head.beacon_mix, reveal)}


BAD_BLOCKS: Final[dict[str, BadKind]] = {
    "block with a wrong nonce": BadKind(_with(_bad_nonce), "NonceMismatch"),
    "block with a forged transaction": BadKind(_with(_bad_signature), "InvalidSignature"),
    "block with an overdraft": BadKind(_with(_overdraft), "InsufficientBalance"),
    "block with votes for no anchor": BadKind(_with(_false_votes), "WrongAnchor"),
    "block with a transaction twice": BadKind(_twice, "RepeatedTransaction"),
    "block beyond its size": BadKind(_oversize, "BlockTooLarge"),
    "block with witnesses of no body": BadKind(_other_witnesses, "BodyMismatch"),
    "block with a wrong state root": BadKind(
        _header(lambda _, header: {"parent_state_root": _other(header.parent_state_root)}),
        "WrongStateRoot",
    ),
    "block with a wrong reveal": BadKind(_header(_wrong_reveal), "WrongReveal"),
    "block with a wrong beacon": BadKind(
        _header(lambda _, header: {"beacon_mix": _other(header.beacon_mix)}), "WrongBeaconMix"
    ),
    "block with another next set": BadKind(
        _header(lambda _, header: {"next_vset_hash": _other(header.next_vset_hash)}),
        "WrongValidatorSet",
    ),
    "block stamped early": BadKind(
        _header(lambda state, _: {"timestamp_ms": state.head.timestamp_ms + 1}), "StampTooEarly"
    ),
    "block stamped far ahead": BadKind(
        _header(lambda _, header: {"timestamp_ms": header.timestamp_ms + _FAR_MS}), "StampInFuture"
    ),
    "block stamped at the end of time": BadKind(
        _header(lambda *_: {"timestamp_ms": U64_MAX}), "StampInFuture"
    ),
    "block of another height": BadKind(
        _header(lambda _, header: {"height": header.height + 1}), "BlockMisplaced"
    ),
    "block on a parent that is none": BadKind(
        _header(lambda _, header: {"parent_id": _other(header.parent_id)}), ""
    ),
    "block on a stale parent": BadKind(_stale_parent, ""),
}
