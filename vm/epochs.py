"""The sets of the epochs a state knows: who votes, with which weight, and the seed of the turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from genesis.limits import CANDIDATES_MAX, GENESIS_VALIDATORS_MAX, STATE_RECORD_MAX_BYTES
from genesis.units import Address, address_of_key, decode_amount, encode_amount, read_address
from genesis.validators import Validator, ValidatorSet
from native import codec
from native.errors import DecodeError
from native.hashing import Hash32, hash32
from vm.records import (
    RECORD_VERSION,
    StateReader,
    ValidatorRecord,
    decode_validator,
    validator_index_key,
    validator_key,
)

CANDIDATES_KEY = b"vc"
"""One bounded list of who may be ranked, so that the end of an epoch never iterates over state."""

Stakes = Mapping[int, int]
"""Registry index to stake."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a set: which registered validator, with how much stake, and who owns it."""

    index: int
    stake: int
    owner: Address


@dataclass(frozen=True, slots=True)
class Epoch:
    """Seat i belongs to voter i of the set; they stand in the order of registration."""

    number: int
    seed: Hash32
    seats: tuple[Seat, ...]
    validators: ValidatorSet

    @property
    def stakes(self) -> dict[int, int]:
        """The weight of each member by its registry index."""
        return {seat.index: seat.stake for seat in self.seats}

    def place_of(self, index: int) -> int | None:
        """The place of a registered validator, None if it is not in the set."""
        for place, seat in enumerate(self.seats):
            if seat.index == index:
                return place
        return None


def epoch_key(epoch: int) -> bytes:
    return b"vs" + epoch.to_bytes(8, "big")


def encode_epoch(seed: Hash32, stakes: Stakes) -> bytes:
    return codec.encode([RECORD_VERSION, seed, _rows(stakes)])


def encode_candidates(stakes: Stakes) -> bytes:
    return codec.encode([RECORD_VERSION, _rows(stakes)])


def decode_candidates(raw: bytes) -> dict[int, int]:
    (rows,) = _fields(raw, 1)
    return _stakes(rows, CANDIDATES_MAX)


def read_epoch(reader: StateReader, number: int) -> Epoch | None:
    """The set that the records name; None for an epoch that they do not know."""
    raw = reader.get(epoch_key(number))
    if raw is None:
        return None
    seed, rows = _fields(raw, 2)
    seats, validators = [], []
    for index, stake in _stakes(rows, GENESIS_VALIDATORS_MAX).items():
        owner, record = registered(reader.get, index)
        seats.append(Seat(index, stake, owner))
        address = address_of_key(record.public_key)
        validators.append(Validator(address, record.public_key, stake, record.peer_id))
    return Epoch(number, hash32(seed), tuple(seats), ValidatorSet(tuple(validators)))


def registered(
    record: Callable[[bytes], bytes | None], index: int
) -> tuple[Address, ValidatorRecord]:
    """The owner and the record of the validator that registered as number `index`."""
    owner = record(validator_index_key(index))
    assert owner is not None, "every index below the counter has an owner"
    raw = record(validator_key(read_address(owner)))
    assert raw is not None, "and the owner a record"
    return Address(owner), decode_validator(raw)


def _rows(stakes: Stakes) -> list[list[int | bytes]]:
    return [[index, encode_amount(stakes[index])] for index in sorted(stakes)]


def _stakes(rows: codec.Value, most: int) -> dict[int, int]:
    stakes: dict[int, int] = {}
    last = -1
    for row in codec.sequence(rows, most):
        number, stake = codec.array(row, 2)
        index = codec.uint(number, 32)
        if index <= last:
            raise DecodeError("rows out of order")
        stakes[index] = decode_amount(stake)
        last = index
    return stakes


def _fields(raw: bytes, length: int) -> list[codec.Value]:
    decoded = codec.decode(
        raw, max_bytes=STATE_RECORD_MAX_BYTES, max_items=3 + 3 * CANDIDATES_MAX, max_depth=3
    )
    version, *fields = codec.array(decoded, 1 + length)
    if version != RECORD_VERSION:
        raise DecodeError(f"record version {version!r}")
    return fields
