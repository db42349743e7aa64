"""Validator and ValidatorSet: order, stake, lookup and the hash that headers carry."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from genesis.errors import InvalidGenesis
from genesis.limits import GENESIS_VALIDATORS_MAX
from genesis.units import Address, address_of_key, decode_amount, encode_amount, read_address
from native.codec import Encodable, Value, array, blob, encode, sequence
from native.hashing import Hash32, derive_hash
from native.node_keys import PEER_ID_BYTES, is_peer_id
from native.signatures import PUBLIC_KEY_BYTES, Algorithm

VALIDATOR_ALGORITHM = Algorithm.ML_DSA_65
"""Votes have one signature size, so that certificates have one shape."""

VALIDATOR_FIELDS = 4

_SET_CONTEXT = "aichain/validator-set/v1"


@dataclass(frozen=True, slots=True)
class Validator:
    """One voter: its key and weight, and where to find it."""

    address: Address
    public_key: bytes = field(repr=False)
    stake: int
    peer_id: bytes

    def __post_init__(self) -> None:
        if len(self.public_key) != PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM]:
            raise InvalidGenesis("a validator key is an ML-DSA-65 public key of 1952 bytes")
        if address_of_key(self.public_key) != self.address:
            raise InvalidGenesis("a validator's address is not that of its key")
        if self.stake < 1:
            raise InvalidGenesis("a validator has no stake")
        if not is_peer_id(self.peer_id):
            raise InvalidGenesis("a validator's peer id is not that of a libp2p node")


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The voters of an epoch; a voter's index is its place in the tuple."""

    validators: tuple[Validator, ...]
    total_stake: int = field(init=False, compare=False)
    hash: Hash32 = field(init=False, compare=False)
    _places: dict[Address, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        places = {validator.address: place for place, validator in enumerate(self.validators)}
        if len(places) != len(self.validators):
            raise InvalidGenesis("a validator appears twice in a set")
        object.__setattr__(self, "_places", places)
        object.__setattr__(self, "total_stake", sum(each.stake for each in self.validators))
        object.__setattr__(self, "hash", _set_hash(self.validators))

    def index_of(self, address: Address) -> int | None:
        """The place of a validator, None if it is not in the set."""
        return self._places.get(address)

    def __getitem__(self, index: int) -> Validator:
        return self.validators[index]

    def __len__(self) -> int:
        return len(self.validators)

    def __iter__(self) -> Iterator[Validator]:
        return iter(self.validators)


def encode_validators(validators: ValidatorSet) -> list[Encodable]:
    """A set as it is stored and sent: everything of it, in the order of the votes."""
    return [
        [each.address, each.public_key, encode_amount(each.stake), each.peer_id]
        for each in validators
    ]


def decode_validators(value: Value) -> ValidatorSet:
    """The exact inverse. Whether it is the set that somebody means is for its hash to say."""
    return ValidatorSet(tuple(_validator(row) for row in sequence(value, GENESIS_VALIDATORS_MAX)))


def _validator(row: Value) -> Validator:
    address, key, stake, peer_id = array(row, VALIDATOR_FIELDS)
    return Validator(
        read_address(address),
        blob(key, PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM]),
        decode_amount(stake),
        blob(peer_id, PEER_ID_BYTES),
    )


def _set_hash(validators: tuple[Validator, ...]) -> Hash32:
    """Over what decides a vote (order, key, weight), not over peer ids, which move."""
    rows = [[each.address, each.public_key, encode_amount(each.stake)] for each in validators]
    return derive_hash(_SET_CONTEXT, encode(rows))
