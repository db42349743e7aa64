"""The voters of past epochs: what certificates of old blocks are checked against."""

from aichain.errors import StoreCorrupt
from aichain.store.keys import VALIDATORS, validators_key
from aichain.store.kv import KeyValueReader
from genesis import limits
from genesis.epochs import last_decided_epoch
from genesis.validators import (
    VALIDATOR_FIELDS,
    ValidatorSet,
    decode_validators,
    encode_validators,
)
from native import codec
from native.errors import InvalidData
from vm.state import State


def stage_genesis_validators(batch: dict[bytes, bytes | None], genesis: State) -> None:
    """The set of the first epochs, with block 0."""
    first = genesis.validators_of(0)
    assert first is not None, "genesis names its validators"
    batch[validators_key(0)] = _encode(first)


def stage_validators(batch: dict[bytes, bytes | None], state: State, epoch_blocks: int) -> None:
    """After the last block of an epoch: the set that it decided, if it is another one."""
    height = state.head.height
    if height % epoch_blocks:
        return
    decided = last_decided_epoch(height, epoch_blocks)
    before, after = state.validators_of(decided - 1), state.validators_of(decided)
    assert before is not None, "a state knows the set of its next block"
    assert after is not None, "and the one it has just decided"
    if after.hash != before.hash:
        batch[validators_key(decided)] = _encode(after)


def stage_known_validators(
    batch: dict[bytes, bytes | None], state: State, epoch_blocks: int
) -> None:
    """The sets that a state knows, for a chain that begins with it: the epochs around its end."""
    following = state.head.height // epoch_blocks
    for epoch in (following - 1, following, following + 1):
        known = state.validators_of(epoch)
        assert known is not None, "a state knows three sets after the last block of an epoch"
        batch[validators_key(epoch)] = _encode(known)


def validators_of_epoch(database: KeyValueReader, epoch: int) -> ValidatorSet:
    """The set of an epoch up to the last decided one."""
    start = validators_key(epoch)
    for _, raw in database.iterate(VALIDATORS, start=start, reverse=True, limit=1):
        try:
            return _decode(raw)
        except InvalidData as error:
            raise StoreCorrupt(path=str(database.path), reason=f"validator set: {error}") from error
    raise StoreCorrupt(path=str(database.path), reason=f"no validator set for epoch {epoch}")


def first_epoch(database: KeyValueReader) -> int:
    """The first epoch whose set is kept; a chain that was joined does not know older ones."""
    for key, _ in database.iterate(VALIDATORS, limit=1):
        return int.from_bytes(key[len(VALIDATORS) :], "big")
    return 0


def _encode(validators: ValidatorSet) -> bytes:
    return codec.encode(encode_validators(validators))


def _decode(raw: bytes) -> ValidatorSet:
    items = limits.GENESIS_VALIDATORS_MAX * (1 + VALIDATOR_FIELDS)
    return decode_validators(codec.decode(raw, max_bytes=len(raw), max_items=items, max_depth=2))
