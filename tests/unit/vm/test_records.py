"""State keys never collide, and records are read back exactly."""

from collections.abc import Callable
from typing import Any

import pytest

from native.errors import DecodeError
from native.hashing import ZERO_HASH
from tests.builders_vm import address, key, peer_id
from vm.bodies import Role
from vm.records import (
    AI_POOL,
    BASE_FEE,
    BURNED,
    MINTED,
    STAKED,
    TREASURY,
    UNBONDING,
    VALIDATORS,
    VOTER_POOL,
    Account,
    Unbonding,
    ValidatorRecord,
    account_key,
    consensus_key_key,
    counter_key,
    decode_account,
    decode_amount_record,
    decode_unbondings,
    decode_validator,
    encode_account,
    encode_amount_record,
    encode_unbondings,
    encode_validator,
    peer_id_key,
    public_key_key,
    stake_key,
    unbonding_key,
    validator_index_key,
    validator_key,
)

RECORD = ValidatorRecord(3, key(0).public_key, peer_id(0), 100, ZERO_HASH, 10**30, 77)
UNBONDINGS = (Unbonding(5, 1, address(1), 10**30), Unbonding(6, 1, address(1), 1))


def test_kinds_of_one_length_differ_in_their_letters() -> None:
    owner = address(1)
    keys = [
        account_key(owner),
        public_key_key(owner),
        validator_key(owner),
        validator_index_key(1),
        consensus_key_key(key(1).public_key),
        peer_id_key(peer_id(1)),
        stake_key(1, owner, owner),
        unbonding_key(owner),
    ]
    for place, one in enumerate(keys):
        for other in keys[:place]:
            letters = 1 if {len(one), len(other)} & {21, 42} else 2
            assert len(one) != len(other) or one[:letters] != other[:letters]
    counters = (
        MINTED,
        BURNED,
        TREASURY,
        AI_POOL,
        VOTER_POOL,
        STAKED,
        UNBONDING,
        VALIDATORS,
        BASE_FEE,
    )
    assert len({counter_key(name) for name in counters}) == len(counters)


def test_stake_keys_differ_in_role_owner_and_target() -> None:
    one, two = address(1), address(2)
    pairs = ((one, one), (one, two), (two, one))
    keys = {stake_key(role, *pair) for role in Role for pair in pairs}
    assert len(keys) == 9


@pytest.mark.parametrize(
    ("value", "encode", "decode"),
    [
        (Account(2**63, 10**30, 5, 3), encode_account, decode_account),
        (Account(), encode_account, decode_account),
        (10**30, encode_amount_record, decode_amount_record),
        (UNBONDINGS, encode_unbondings, decode_unbondings),
        ((), encode_unbondings, decode_unbondings),
        (RECORD, encode_validator, decode_validator),
    ],
)
def test_records_survive_and_damaged_ones_do_not(
    value: object, encode: Callable[[Any], bytes], decode: Callable[[bytes], object]
) -> None:
    raw = encode(value)
    assert decode(raw) == value
    for damaged in (b"", raw[:-1], raw + b"\x00", b"\x90", b"\xc0"):
        with pytest.raises(DecodeError):
            decode(damaged)


def test_a_record_of_another_version_is_refused() -> None:
    raw = bytearray(encode_account(Account()))
    assert raw[1] == 1
    raw[1] = 2
    with pytest.raises(DecodeError):
        decode_account(bytes(raw))
