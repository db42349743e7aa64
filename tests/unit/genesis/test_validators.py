"""Validator sets: order, lookup, and what the hash binds."""

from dataclasses import replace
from typing import Any

import pytest

from genesis.errors import InvalidGenesis
from genesis.units import ZERO_ADDRESS, Address, address_of_key
from genesis.validators import Validator, ValidatorSet
from native.node_keys import peer_id_of_seed


def make_validator(index: int = 0, **changes: Any) -> Any:
    public_key = index.to_bytes(4, "big") + bytes(1948)
    values = {
        "address": address_of_key(public_key),
        "public_key": public_key,
        "stake": 10 + index,
        "peer_id": peer_id_of_seed(bytes(32)),
    }
    return Validator(**{**values, **changes})


SET = ValidatorSet(tuple(make_validator(index) for index in range(4)))


def test_a_set_knows_its_voters_by_place_and_by_address() -> None:
    assert len(SET) == 4
    assert SET.total_stake == 10 + 11 + 12 + 13
    for index, validator in enumerate(SET):
        assert SET[index] is validator
        assert SET.index_of(validator.address) == index
    assert SET.index_of(ZERO_ADDRESS) is None


def test_the_hash_binds_order_key_and_stake() -> None:
    first, second, *rest = SET.validators
    changed = [
        ValidatorSet((second, first, *rest)),
        ValidatorSet((first, second)),
        ValidatorSet((replace(first, stake=11), second, *rest)),
        ValidatorSet((make_validator(9, stake=10), second, *rest)),
        ValidatorSet(()),
    ]
    assert len({SET.hash, *(each.hash for each in changed)}) == 6


def test_the_hash_leaves_out_what_moves_within_an_epoch() -> None:
    first, *rest = SET.validators
    moved = replace(first, peer_id=peer_id_of_seed(b"\1" * 32))
    assert ValidatorSet((moved, *rest)).hash == SET.hash


def test_a_voter_cannot_appear_twice() -> None:
    with pytest.raises(InvalidGenesis, match="twice"):
        ValidatorSet((*SET.validators, replace(SET[0], stake=99)))


@pytest.mark.parametrize(
    "changes",
    [
        {"stake": 0},
        {"address": Address(bytes(20))},
        {"public_key": bytes(1312)},
        {"peer_id": b"peer"},
    ],
)
def test_a_broken_validator_cannot_be_built(changes: Any) -> None:
    with pytest.raises(InvalidGenesis):
        make_validator(**changes)


def test_equal_sets_are_equal() -> None:
    assert ValidatorSet(SET.validators) == SET
    assert hash(ValidatorSet(SET.validators)) == hash(SET)
