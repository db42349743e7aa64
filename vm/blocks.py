"""Headers and bodies: the block id, the roots that bind a body to it, and their exact decoding."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NewType

from genesis.limits import BODY_MAX_BYTES, BODY_TRANSACTIONS_MAX, HEADER_MAX_BYTES
from genesis.upgrades import BlockVersion
from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32, derive_hash, hash32
from native.merkle import merkle_root
from vm.errors import BodyMismatch
from vm.transactions import SignedTransaction, decode_transaction

_ID_DOMAIN = "aichain/block/v1"


@dataclass(frozen=True, slots=True)
class Header:
    """Everything a block id commits to, in wire order; consensus.md §3.2 owns the list.

    The parent roots are those after executing the parent, so that hashing the state tree is off
    the path of the votes. Fields that this version does not use are zero, and checked to be.
    No certificate and no signature: one block has many valid ones, and one id.
    """

    version: int
    genesis_hash: Hash32
    epoch: int
    view: int
    height: int
    parent_id: Hash32
    parent_view: int
    proposer_index: int
    timestamp_ms: int
    tx_root: Hash32
    witness_root: Hash32
    parent_state_root: Hash32
    parent_receipts_root: Hash32
    parent_outbox_root: Hash32
    header_mmr_root: Hash32
    vset_hash: Hash32
    next_vset_hash: Hash32
    onion_reveal: Hash32
    beacon_mix: Hash32
    last_hard_height: int
    last_hard_id: Hash32
    raw: bytes = field(init=False, repr=False, compare=False)
    id: Hash32 = field(init=False, compare=False)

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name, _ in _FIELDS]
        raw = codec.encode(values)
        object.__setattr__(self, "raw", raw)
        object.__setattr__(self, "id", derive_hash(_ID_DOMAIN, raw))


_FIELDS = tuple((each.name, each.type is int) for each in fields(Header) if each.init)


@dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions of its body; `assemble_block` makes one that fits."""

    header: Header
    transactions: tuple[SignedTransaction, ...]

    @property
    def id(self) -> Hash32:
        return self.header.id


VerifiedBlock = NewType("VerifiedBlock", Block)
"""A block whose body is its header's and all of whose witnesses the shell has verified."""


def decode_header(raw: bytes) -> Header:
    """The header of these exact bytes; DecodeError otherwise. Rules are require_header's."""
    decoded = codec.decode(raw, max_bytes=HEADER_MAX_BYTES, max_items=len(_FIELDS), max_depth=1)
    values = codec.array(decoded, len(_FIELDS))
    named = {
        name: codec.uint(value) if is_int else hash32(value)
        for (name, is_int), value in zip(_FIELDS, values, strict=True)
    }
    return Header(**named)  # type: ignore[arg-type]


def assemble_block(header: Header, transactions: Sequence[SignedTransaction]) -> Block:
    """The block of a header and a body that belong together; BodyMismatch otherwise."""
    require_body(header, transactions)
    return Block(header, tuple(transactions))


def require_body(header: Header, transactions: Sequence[SignedTransaction]) -> None:
    """Refuse a body that is not this header's. It blames the sender: another copy may fit."""
    for name, expected, given in (
        ("tx_root", header.tx_root, transactions_root(transactions)),
        ("witness_root", header.witness_root, witnesses_root(transactions)),
    ):
        if expected != given:
            raise BodyMismatch(name, expected, given)


def transactions_root(transactions: Sequence[SignedTransaction]) -> Hash32:
    """Merkle root over the transaction ids: what was asked for."""
    return merkle_root([signed.id for signed in transactions])


def witnesses_root(transactions: Sequence[SignedTransaction]) -> Hash32:
    """Merkle root over BLAKE3(raw): the exact bytes, witnesses included."""
    return merkle_root([signed.raw_hash for signed in transactions])


def encode_body(transactions: Sequence[SignedTransaction]) -> bytes:
    """The body on the wire and on disk: an array of raw transactions."""
    return codec.encode([signed.raw for signed in transactions])


def decode_body(raw: bytes) -> tuple[SignedTransaction, ...]:
    """The transactions of these exact bytes; DecodeError or InvalidTransaction otherwise."""
    raws = codec.decode(raw, max_bytes=BODY_MAX_BYTES, max_items=BODY_TRANSACTIONS_MAX, max_depth=1)
    return tuple(decode_transaction(_bytes(each)) for each in raws)


def body_bytes(transactions: Sequence[SignedTransaction]) -> int:
    """len(encode_body(transactions)) without building it."""
    count = len(transactions)
    head = 1 if count < 16 else 3 if count < 1 << 16 else 5
    return head + sum(item_bytes(len(signed.raw)) for signed in transactions)


def item_bytes(size: int) -> int:
    """The bytes that one raw transaction of this size takes in a body."""
    return size + (2 if size < 1 << 8 else 3 if size < 1 << 16 else 5)


def genesis_header(
    genesis_hash: Hash32, timestamp_ms: int, validator_set_hash: Hash32, seed: Hash32
) -> Header:
    """Block 0: no parent, no body, no proposer; the beacon starts with the document's seed."""
    return Header(
        version=BlockVersion.FIRST,
        genesis_hash=genesis_hash,
        epoch=0,
        view=0,
        height=0,
        parent_id=ZERO_HASH,
        parent_view=0,
        proposer_index=0,
        timestamp_ms=timestamp_ms,
        tx_root=ZERO_HASH,
        witness_root=ZERO_HASH,
        parent_state_root=ZERO_HASH,
        parent_receipts_root=ZERO_HASH,
        parent_outbox_root=ZERO_HASH,
        header_mmr_root=ZERO_HASH,
        vset_hash=validator_set_hash,
        next_vset_hash=validator_set_hash,
        onion_reveal=ZERO_HASH,
        beacon_mix=seed,
        last_hard_height=0,
        last_hard_id=ZERO_HASH,
    )


def _bytes(value: codec.Value) -> bytes:
    if type(value) is not bytes:
        raise DecodeError("a body is an array of byte strings")
    return value
