"""The transaction envelope: what is signed, its id, its bytes and their exact decoding.

On the wire: [[version, network id, kind, sender, nonce, fee_max, tip, valid_until, body],
[algorithm, public key or empty, signature]]. The id covers the first array only; the signature is
over the id, so that one intent has one id whatever its witness.
"""

from dataclasses import dataclass
from typing import NewType

from genesis.limits import SIGNATURE_WEIGHT, TRANSACTION_MAX_BYTES, TRANSACTION_MAX_ITEMS
from genesis.units import (
    ADDRESS_BYTES,
    U64_MAX,
    U128_MAX,
    Address,
    address_of_key,
    decode_amount,
    encode_amount,
    read_address,
)
from native import codec
from native.errors import DecodeError
from native.hashing import Hash32, blake3_256, derive_hash
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Algorithm, SigningKey
from vm.bodies import (
    SYSTEM_BODIES,
    Body,
    Kind,
    RegisterValidator,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    body_fields,
    body_from_fields,
    kind_of,
    signatures_inside,
)
from vm.errors import (
    FieldHasWrongLength,
    FieldOutOfRange,
    SenderMismatch,
    TransactionTooLarge,
    UnknownAlgorithm,
    UnsupportedTransactionVersion,
)

__all__ = [
    "POSSESSION_CONTEXT",
    "SYSTEM_BODIES",
    "TRANSACTION_CONTEXT",
    "Body",
    "Kind",
    "RegisterValidator",
    "Role",
    "SignedTransaction",
    "Stake",
    "Transaction",
    "Transfer",
    "Unjail",
    "Unstake",
    "VerifiedTransaction",
    "Withdraw",
    "decode_transaction",
    "decode_unsigned",
    "envelope_weight",
    "possession_message",
    "sign_possession",
    "sign_transaction",
    "without_key",
]

TRANSACTION_VERSION = 1
TRANSACTION_CONTEXT = b"aichain/tx/v1"
POSSESSION_CONTEXT = b"aichain/pop/v1"

_ID_DOMAIN = "aichain/tx/v1"
_POSSESSION_DOMAIN = "aichain/pop/v1"
_NETWORK_ID_BITS = 32


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the sender wants; everything that the signature covers."""

    network_id: int
    sender: Address
    nonce: int
    fee_max: int
    tip: int
    valid_until: int
    body: Body

    def __post_init__(self) -> None:
        if len(self.sender) != ADDRESS_BYTES:
            raise FieldHasWrongLength("sender", len(self.sender), ADDRESS_BYTES)
        _require_range("network_id", self.network_id, (1 << _NETWORK_ID_BITS) - 1)
        _require_range("nonce", self.nonce, U64_MAX - 1)
        _require_range("fee_max", self.fee_max, U128_MAX)
        _require_range("tip", self.tip, U128_MAX)
        _require_range("valid_until", self.valid_until, U64_MAX)
        if type(self.body) in SYSTEM_BODIES:
            for name in ("nonce", "fee_max", "tip"):
                _require_range(name, getattr(self, name), 0)

    @property
    def is_system(self) -> bool:
        """Free, and outside of the sender's nonces: its effect can happen once only."""
        return type(self.body) in SYSTEM_BODIES

    @property
    def kind(self) -> Kind:
        return kind_of(self.body)

    @property
    def unsigned_bytes(self) -> bytes:
        """The canonical array that the id is derived from."""
        return codec.encode(
            [
                TRANSACTION_VERSION,
                self.network_id,
                int(self.kind),
                self.sender,
                self.nonce,
                encode_amount(self.fee_max),
                encode_amount(self.tip),
                self.valid_until,
                body_fields(self.body),
            ]
        )

    @property
    def id(self) -> Hash32:
        """The transaction hash: it excludes the witness."""
        return derive_hash(_ID_DOMAIN, self.unsigned_bytes)

    @property
    def signing_bytes(self) -> bytes:
        """What an ML-DSA signature under TRANSACTION_CONTEXT (FIPS 204 §5.2) covers: the id."""
        return self.id


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction with its witness and its exact bytes; nobody has checked the signature yet.

    `public_key` is empty once the account has revealed its key. `raw_hash` is BLAKE3(raw): caches
    of verified or refused transactions are keyed by it, never by the id, or a copy with a bad
    signature could censor the good one.
    """

    transaction: Transaction
    algorithm: Algorithm
    public_key: bytes
    raw: bytes
    id: Hash32
    raw_hash: Hash32

    @property
    def signature(self) -> bytes:
        """The last field of the bytes; sliced when asked for, so that it is not kept twice."""
        return self.raw[-SIGNATURE_BYTES[self.algorithm] :]

    @property
    def weight(self) -> int:
        """Bytes plus a charge for each signature, the scarce resource (design ruling 6)."""
        body = self.transaction.body
        signatures = 1 if type(body) is Transfer else 1 + signatures_inside(body)
        return len(self.raw) + SIGNATURE_WEIGHT * signatures


VerifiedTransaction = NewType("VerifiedTransaction", SignedTransaction)
"""A transaction all of whose witnesses the shell has verified."""


def sign_transaction(
    transaction: Transaction, key: SigningKey, *, reveal: bool
) -> SignedTransaction:
    """Sign with the sender's key; `reveal` it in the first transaction of an account."""
    key_address = address_of_key(key.public_key)
    if key_address != transaction.sender:
        raise SenderMismatch(transaction.sender, key_address)
    transaction_id = transaction.id
    public_key = key.public_key if reveal else b""
    signature = key.sign(transaction_id, TRANSACTION_CONTEXT)
    witness = codec.encode([int(key.algorithm), public_key, signature])
    raw = _ENVELOPE_HEADER + transaction.unsigned_bytes + witness
    if len(raw) > TRANSACTION_MAX_BYTES:
        raise TransactionTooLarge(len(raw), TRANSACTION_MAX_BYTES)
    return SignedTransaction(
        transaction, key.algorithm, public_key, raw, transaction_id, blake3_256(raw)
    )


def without_key(signed: SignedTransaction) -> SignedTransaction:
    """The same intent under the same signature, and no public key beside it."""
    if not signed.public_key:
        return signed
    transaction = signed.transaction
    witness = codec.encode([int(signed.algorithm), b"", signed.signature])
    raw = _ENVELOPE_HEADER + transaction.unsigned_bytes + witness
    return SignedTransaction(transaction, signed.algorithm, b"", raw, signed.id, blake3_256(raw))


def envelope_weight(transaction: Transaction, algorithm: Algorithm, *, reveal: bool) -> int:
    """What it will weigh once its sender signed it; amounts have one length, whatever they are."""
    key = bytes(PUBLIC_KEY_BYTES[algorithm]) if reveal else b""
    witness = codec.encode([int(algorithm), key, bytes(SIGNATURE_BYTES[algorithm])])
    size = len(_ENVELOPE_HEADER) + len(transaction.unsigned_bytes) + len(witness)
    return size + SIGNATURE_WEIGHT * (1 + signatures_inside(transaction.body))


def decode_transaction(raw: bytes) -> SignedTransaction:
    """The transaction of these exact bytes; DecodeError or InvalidTransaction otherwise."""
    if len(raw) > TRANSACTION_MAX_BYTES:
        raise TransactionTooLarge(len(raw), TRANSACTION_MAX_BYTES)
    envelope = codec.decode(
        raw, max_bytes=TRANSACTION_MAX_BYTES, max_items=TRANSACTION_MAX_ITEMS, max_depth=3
    )
    unsigned, witness = codec.array(envelope, 2)
    algorithm, public_key, witness_size = _witness(witness)
    transaction = _transaction(unsigned)
    if public_key:
        key_address = address_of_key(public_key)
        if key_address != transaction.sender:
            raise SenderMismatch(transaction.sender, key_address)
    # Canonical arrays nest by plain concatenation, so the unsigned bytes lie inside the raw ones.
    unsigned_bytes = raw[len(_ENVELOPE_HEADER) : len(raw) - witness_size]
    return SignedTransaction(
        transaction,
        algorithm,
        public_key,
        raw,
        derive_hash(_ID_DOMAIN, unsigned_bytes),
        blake3_256(raw),
    )


def decode_unsigned(raw: bytes) -> Transaction:
    """What `Transaction.unsigned_bytes` says; DecodeError or InvalidTransaction otherwise."""
    if len(raw) > TRANSACTION_MAX_BYTES:
        raise TransactionTooLarge(len(raw), TRANSACTION_MAX_BYTES)
    return _transaction(
        codec.decode(
            raw, max_bytes=TRANSACTION_MAX_BYTES, max_items=TRANSACTION_MAX_ITEMS, max_depth=2
        )
    )


def possession_message(network_id: int, owner: Address, public_key: bytes) -> bytes:
    """What a consensus key signs, under POSSESSION_CONTEXT, to be registered by `owner`."""
    owned = network_id.to_bytes(_NETWORK_ID_BITS // 8, "big") + owner + public_key
    return derive_hash(_POSSESSION_DOMAIN, owned)


def sign_possession(network_id: int, owner: Address, consensus_key: SigningKey) -> bytes:
    """The proof of possession of a RegisterValidator body."""
    message = possession_message(network_id, owner, consensus_key.public_key)
    return consensus_key.sign(message, POSSESSION_CONTEXT)


_ENVELOPE_HEADER = codec.encode([[], []])[:1]
_ALGORITHMS = {int(algorithm): algorithm for algorithm in Algorithm}


def _witness(value: codec.Value) -> tuple[Algorithm, bytes, int]:
    """Algorithm, public key, and the size of the witness on the wire."""
    number, key_field, signature = codec.array(value, 3)
    algorithm = _ALGORITHMS.get(codec.uint(number, 8))
    if algorithm is None:
        raise UnknownAlgorithm(codec.uint(number))
    public_key = codec.bounded(key_field, PUBLIC_KEY_BYTES[algorithm])
    if len(public_key) not in (0, PUBLIC_KEY_BYTES[algorithm]):
        raise DecodeError("a public key is absent or whole")
    codec.blob(signature, SIGNATURE_BYTES[algorithm])
    key_size = 3 + len(public_key) if public_key else 2
    return algorithm, public_key, 2 + key_size + 3 + SIGNATURE_BYTES[algorithm]


def _transaction(value: codec.Value) -> Transaction:
    version, network_id, kind, sender, nonce, fee_max, tip, valid_until, body = codec.array(
        value, 9
    )
    if version != TRANSACTION_VERSION:
        raise UnsupportedTransactionVersion(codec.uint(version))
    return Transaction(
        network_id=codec.uint(network_id, _NETWORK_ID_BITS),
        sender=read_address(sender),
        nonce=codec.uint(nonce),
        fee_max=decode_amount(fee_max),
        tip=decode_amount(tip),
        valid_until=codec.uint(valid_until),
        body=body_from_fields(codec.uint(kind, 8), body),
    )


def _require_range(field: str, value: int, limit: int) -> None:
    if not 0 <= value <= limit:
        raise FieldOutOfRange(field, value, limit)
