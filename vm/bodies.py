"""What a transaction asks for: one frozen value a kind, and its canonical fields."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias, assert_never

from genesis.limits import MEMO_MAX_BYTES, ONION_LENGTH_MAX
from genesis.units import (
    ADDRESS_BYTES,
    BPS,
    U128_MAX,
    ZERO_ADDRESS,
    Address,
    decode_amount,
    encode_amount,
    read_address,
)
from genesis.validators import VALIDATOR_ALGORITHM
from native import codec
from native.hashing import HASH_BYTES, Hash32, hash32
from native.node_keys import PEER_ID_BYTES, is_peer_id
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from vm.errors import (
    AmountIsZero,
    FieldHasWrongLength,
    FieldOutOfRange,
    PeerIdMalformed,
    RecipientIsZero,
    UnknownKind,
)
from vm.system_bodies import (
    Evidence,
    Participation,
    evidence_fields,
    evidence_from_fields,
    participation_fields,
    participation_from_fields,
)


class Kind(IntEnum):
    """The number of a kind on the wire (ledger catalogue)."""

    TRANSFER = 0x01
    STAKE = 0x14
    UNSTAKE = 0x15
    WITHDRAW = 0x16
    REGISTER_VALIDATOR = 0x17
    UNJAIL = 0x18
    EVIDENCE = 0x50
    PARTICIPATION = 0x51


class Role(IntEnum):
    """What stake is locked for; only validators earn with it so far."""

    MINER = 0
    VALIDATOR = 1
    DELEGATOR = 2


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move coins; a recipient without an account gets one, for a burned fee."""

    to: Address
    amount: int
    memo: bytes = b""

    def __post_init__(self) -> None:
        _require_length("to", self.to, ADDRESS_BYTES)
        if self.to == ZERO_ADDRESS:
            raise RecipientIsZero
        _require_amount("amount", self.amount)
        if len(self.memo) > MEMO_MAX_BYTES:
            raise FieldHasWrongLength("memo", len(self.memo), MEMO_MAX_BYTES)


@dataclass(frozen=True, slots=True)
class RegisterValidator:
    """Become a candidate: a consensus key with its proof of possession, and the first own stake.

    Again by the same owner with the same key: a new onion two epochs on, and more stake or none.

    `possession` signs possession_message(...) of vm.transactions with the consensus key, so that
    nobody registers a key that is not theirs.
    """

    public_key: bytes
    possession: bytes
    peer_id: bytes
    commission_bps: int
    onion_head: Hash32
    onion_length: int
    stake: int

    def __post_init__(self) -> None:
        _require_length("public_key", self.public_key, PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM])
        _require_length("possession", self.possession, SIGNATURE_BYTES[VALIDATOR_ALGORITHM])
        if not is_peer_id(self.peer_id):
            raise PeerIdMalformed(self.peer_id)
        _require_length("onion_head", self.onion_head, HASH_BYTES)
        _require_range("commission_bps", self.commission_bps, BPS)
        _require_range("onion_length", self.onion_length, ONION_LENGTH_MAX)
        if self.onion_length == 0:
            raise FieldOutOfRange("onion_length", 0, ONION_LENGTH_MAX)
        _require_range("stake", self.stake, U128_MAX)


@dataclass(frozen=True, slots=True)
class Stake:
    """Lock more of the sender's coins behind a target, which is the sender's own validator."""

    role: Role
    target: Address
    amount: int

    def __post_init__(self) -> None:
        _require_length("target", self.target, ADDRESS_BYTES)
        _require_amount("amount", self.amount)


@dataclass(frozen=True, slots=True)
class Unstake:
    """Start the unbonding of stake; it votes, and answers for that, two epochs more at most."""

    role: Role
    target: Address
    amount: int

    def __post_init__(self) -> None:
        _require_length("target", self.target, ADDRESS_BYTES)
        _require_amount("amount", self.amount)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back everything whose unbonding is over."""


@dataclass(frozen=True, slots=True)
class Unjail:
    """Become a candidate again once the jail term is over."""


Body: TypeAlias = (
    Transfer | RegisterValidator | Stake | Unstake | Withdraw | Unjail | Evidence | Participation
)

SYSTEM_BODIES: frozenset[type[Body]] = frozenset({Evidence, Participation})
"""Bodies of transactions that pay nothing, and are refused rather than failed."""


def kind_of(body: Body) -> Kind:
    match body:
        case Transfer():
            return Kind.TRANSFER
        case Stake():
            return Kind.STAKE
        case Unstake():
            return Kind.UNSTAKE
        case Withdraw():
            return Kind.WITHDRAW
        case RegisterValidator():
            return Kind.REGISTER_VALIDATOR
        case Unjail():
            return Kind.UNJAIL
        case Evidence():
            return Kind.EVIDENCE
        case Participation():
            return Kind.PARTICIPATION
        case _:
            assert_never(body)


def signatures_inside(body: Body) -> int:
    """Signatures that a body brings besides its sender's."""
    match body:
        case RegisterValidator():
            return 1
        case Evidence():
            return 2
        case Participation():
            return len(body.signatures)
        case _:
            return 0


def body_fields(body: Body) -> list[codec.Value]:
    """The body's array in the envelope."""
    match body:
        case Transfer(to, amount, memo):
            return [to, encode_amount(amount), memo]
        case Stake(role, target, amount) | Unstake(role, target, amount):
            return [int(role), target, encode_amount(amount)]
        case RegisterValidator():
            return [
                body.public_key,
                body.possession,
                body.peer_id,
                body.commission_bps,
                body.onion_head,
                body.onion_length,
                encode_amount(body.stake),
            ]
        case Withdraw() | Unjail():
            return []
        case Evidence():
            return evidence_fields(body)
        case Participation():
            return participation_fields(body)
        case _:
            assert_never(body)


def body_from_fields(kind: int, value: codec.Value) -> Body:
    """The body of a decoded array; DecodeError or InvalidTransaction when it is not one."""
    match kind:
        case Kind.TRANSFER:
            to, amount, memo = codec.array(value, 3)
            return Transfer(
                read_address(to), decode_amount(amount), codec.bounded(memo, MEMO_MAX_BYTES)
            )
        case Kind.STAKE:
            return Stake(*_stake_fields(value))
        case Kind.UNSTAKE:
            return Unstake(*_stake_fields(value))
        case Kind.WITHDRAW:
            codec.array(value, 0)
            return Withdraw()
        case Kind.REGISTER_VALIDATOR:
            return _registration(value)
        case Kind.UNJAIL:
            codec.array(value, 0)
            return Unjail()
        case Kind.EVIDENCE:
            return evidence_from_fields(value)
        case Kind.PARTICIPATION:
            return participation_from_fields(value)
        case _:
            raise UnknownKind(kind)


def _registration(value: codec.Value) -> RegisterValidator:
    key, possession, peer_id, commission, head, length, stake = codec.array(value, 7)
    return RegisterValidator(
        public_key=codec.blob(key, PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM]),
        possession=codec.blob(possession, SIGNATURE_BYTES[VALIDATOR_ALGORITHM]),
        peer_id=codec.bounded(peer_id, PEER_ID_BYTES),
        commission_bps=codec.uint(commission, 16),
        onion_head=hash32(head),
        onion_length=codec.uint(length, 32),
        stake=decode_amount(stake),
    )


def _stake_fields(value: codec.Value) -> tuple[Role, Address, int]:
    role_field, target, amount = codec.array(value, 3)
    role = codec.uint(role_field, 8)
    if role > Role.DELEGATOR:
        raise FieldOutOfRange("role", role, Role.DELEGATOR)
    return Role(role), read_address(target), decode_amount(amount)


def _require_amount(field: str, value: int) -> None:
    if value == 0:
        raise AmountIsZero
    _require_range(field, value, U128_MAX)


def _require_range(field: str, value: int, limit: int) -> None:
    if not 0 <= value <= limit:
        raise FieldOutOfRange(field, value, limit)


def _require_length(field: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise FieldHasWrongLength(field, len(value), length)
