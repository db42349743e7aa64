"""The records of the state: their keys (ledger schema) and the canonical bytes of their values.

Kinds of key with one length differ in their letters, so no key can be taken for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from genesis.limits import STATE_RECORD_MAX_BYTES, UNBONDINGS_MAX
from genesis.units import U64_MAX, Address, decode_amount, encode_amount, read_address
from genesis.validators import VALIDATOR_ALGORITHM
from native import codec
from native.errors import DecodeError
from native.hashing import Hash32, blake3_256, hash32
from native.node_keys import PEER_ID_BYTES
from native.signatures import PUBLIC_KEY_BYTES
from vm.bodies import Role

RECORD_VERSION = 1
TOMBSTONED = U64_MAX
"""A jail term that no height ends."""

# Names of the counters under `z`.
MINTED = "minted"
BURNED = "burned"
TREASURY = "treasury"
AI_POOL = "ai_pool"
STAKED = "staked"
UNBONDING = "unbonding"
VOTER_POOL = "voter_pool"
VALIDATORS = "validators"
BASE_FEE = "base_fee"


class StateReader(Protocol):
    """Where records are: a database, a dictionary's `get`, or a State."""

    def get(self, key: bytes, /) -> bytes | None: ...


class Account(NamedTuple):
    """What an address owns. A named tuple, because two are made for every transfer."""

    nonce: int = 0
    balance: int = 0
    staked: int = 0
    algorithm: int = 0
    """The algorithm of the revealed key, 0 until the first transaction reveals it."""


class Unbonding(NamedTuple):
    """Stake on its way back to the balance of its owner."""

    matures_at: int
    role: int
    target: Address
    amount: int


@dataclass(frozen=True, slots=True)
class ValidatorRecord:
    """A registered validator; whether it votes is the validator set's business."""

    index: int
    public_key: bytes
    peer_id: bytes
    commission_bps: int
    onion_head: Hash32
    """What it committed to last, whole."""
    stake: int
    jailed_until: int = 0
    """The first height at which it may leave jail; 0 when it is not in jail."""

    @property
    def is_tombstoned(self) -> bool:
        """Proven to have signed twice: no candidate ever again."""
        return self.jailed_until == TOMBSTONED


def account_key(address: Address) -> bytes:
    return b"a" + address


def public_key_key(address: Address) -> bytes:
    """Its value is the bare public key: the longest record, whose length says its algorithm."""
    return b"k" + address


def validator_key(address: Address) -> bytes:
    return b"v" + address


def validator_index_key(index: int) -> bytes:
    """The address of the validator that registered as number `index`."""
    return b"vi" + index.to_bytes(4, "big")


def consensus_key_key(public_key: bytes) -> bytes:
    """Who registered a consensus key: nobody else can."""
    return b"vk" + blake3_256(public_key)


def peer_id_key(peer_id: bytes) -> bytes:
    """Who registered a peer id: nobody else can."""
    return b"vp" + blake3_256(peer_id)


def stake_key(role: int, owner: Address, target: Address) -> bytes:
    return b"s" + role.to_bytes(1, "big") + owner + target


def unbonding_key(owner: Address) -> bytes:
    """One bounded list an owner, so that applying a block never iterates over the state."""
    return b"u" + owner


def counter_key(name: str) -> bytes:
    return b"z" + name.encode("ascii")


def encode_account(account: Account) -> bytes:
    nonce, balance, staked, algorithm = account
    return codec.encode(
        [RECORD_VERSION, nonce, encode_amount(balance), encode_amount(staked), algorithm]
    )


def decode_account(raw: bytes) -> Account:
    version, nonce, balance, staked, algorithm = _record(raw, 5)
    _require_version(version)
    return Account(
        codec.uint(nonce), decode_amount(balance), decode_amount(staked), codec.uint(algorithm, 8)
    )


def encode_amount_record(amount: int) -> bytes:
    """The value of a counter and of a stake entry."""
    return codec.encode([encode_amount(amount)])


def decode_amount_record(raw: bytes) -> int:
    (amount,) = _record(raw, 1)
    return decode_amount(amount)


def encode_unbondings(unbondings: Sequence[Unbonding]) -> bytes:
    rows: list[codec.Value] = [
        [each.matures_at, each.role, each.target, encode_amount(each.amount)] for each in unbondings
    ]
    return codec.encode([RECORD_VERSION, rows])


def decode_unbondings(raw: bytes) -> tuple[Unbonding, ...]:
    version, rows = _record(raw, 2)
    _require_version(version)
    return tuple(_unbonding(row) for row in codec.sequence(rows, UNBONDINGS_MAX))


def encode_validator(record: ValidatorRecord) -> bytes:
    return codec.encode(
        [
            RECORD_VERSION,
            record.index,
            record.public_key,
            record.peer_id,
            record.commission_bps,
            record.onion_head,
            encode_amount(record.stake),
            record.jailed_until,
        ]
    )


def decode_validator(raw: bytes) -> ValidatorRecord:
    version, index, key, peer_id, commission, head, stake, jailed_until = _record(raw, 8)
    _require_version(version)
    return ValidatorRecord(
        index=codec.uint(index, 32),
        public_key=codec.blob(key, PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM]),
        peer_id=codec.blob(peer_id, PEER_ID_BYTES),
        commission_bps=codec.uint(commission, 16),
        onion_head=hash32(head),
        stake=decode_amount(stake),
        jailed_until=codec.uint(jailed_until),
    )


def _unbonding(row: codec.Value) -> Unbonding:
    matures_at, role, target, amount = codec.array(row, 4)
    kind = codec.uint(role, 8)
    if kind > Role.DELEGATOR:
        raise DecodeError("an unbonding of an unknown role")
    return Unbonding(codec.uint(matures_at), kind, read_address(target), decode_amount(amount))


_MOST_FIELDS = 2 + 5 * UNBONDINGS_MAX


def _record(raw: bytes, length: int) -> list[codec.Value]:
    decoded = codec.decode(
        raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=_MOST_FIELDS, max_depth=3
    )
    return codec.array(decoded, length)


def _require_version(version: codec.Value) -> None:
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
