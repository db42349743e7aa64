"""The voters of past epochs: what certificates of old blocks are checked against."""

from aichain.errors import StoreCorrupt
from aichain.store.keys import VALIDATORS, validators_key
from aichain.store.kv import KeyValueReader
from genesis import limits
from genesis.units import decode_amount, encode_amount, read_address
from genesis.validators import VALIDATOR_ALGORITHM, Validator, ValidatorSet
from native import codec
from native.errors import InvalidData
from native.node_keys import PEER_ID_BYTES
from native.signatures import PUBLIC_KEY_BYTES
from vm.state import State

_ROW = 4


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
    decided = height // epoch_blocks + 1
    before, after = state.validators_of(decided - 1), state.validators_of(decided)
    assert before is not None, "a state knows the set of its next block"
    assert after is not None, "and the one it has just decided"
    if after.hash != before.hash:
        batch[validators_key(decided)] = _encode(after)


def validators_of_epoch(database: KeyValueReader, epoch: int) -> ValidatorSet:
    """The set of an epoch up to the last decided one."""
    start = validators_key(epoch)
    for _, raw in database.iterate(VALIDATORS, start=start, reverse=True, limit=1):
        try:
            return _decode(raw)
        except InvalidData as error:
            raise StoreCorrupt(path=str(database.path), reason=f"validator set: {error}") from error
    raise StoreCorrupt(path=str(database.path), reason=f"no validator set for epoch {epoch}")


def _encode(validators: ValidatorSet) -> bytes:
    return codec.encode(
        [
            [each.address, each.public_key, encode_amount(each.stake), each.peer_id]
            for each in validators
        ]
    )


def _decode(raw: bytes) -> ValidatorSet:
    most = limits.GENESIS_VALIDATORS_MAX
    rows = codec.decode(raw, max_bytes=len(raw), max_items=most * (1 + _ROW), max_depth=2)
    return ValidatorSet(tuple(_validator(row) for row in codec.sequence(rows, most)))


def _validator(row: codec.Value) -> Validator:
    address, key, stake, peer_id = codec.array(row, _ROW)
    return Validator(
        read_address(address),
        codec.blob(key, PUBLIC_KEY_BYTES[VALIDATOR_ALGORITHM]),
        decode_amount(stake),
        codec.blob(peer_id, PEER_ID_BYTES),
    )
