"""Bodies: their kinds and their fields."""

import pytest

from genesis.units import U128_MAX, ZERO_ADDRESS
from native.errors import DecodeError
from tests.builders_vm import address, make_registration, make_transfer
from vm.bodies import (
    Body,
    Kind,
    Role,
    Stake,
    Transfer,
    Unjail,
    Unstake,
    Withdraw,
    body_fields,
    body_from_fields,
    kind_of,
)
from vm.errors import FieldHasWrongLength, FieldOutOfRange, RecipientIsZero, UnknownKind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (make_transfer(), Kind.TRANSFER),
        (Stake(Role.MINER, address(1), 1), Kind.STAKE),
        (Unstake(Role.VALIDATOR, address(1), 1), Kind.UNSTAKE),
        (Withdraw(), Kind.WITHDRAW),
        (make_registration(), Kind.REGISTER_VALIDATOR),
        (Unjail(), Kind.UNJAIL),
    ],
)
def test_a_body_is_its_kind_and_its_fields(body: Body, kind: Kind) -> None:
    assert kind_of(body) is kind
    assert body_from_fields(kind, body_fields(body)) == body


def test_a_body_is_not_read_as_another_kind() -> None:
    with pytest.raises(DecodeError):
        body_from_fields(Kind.UNJAIL, body_fields(make_transfer()))
    with pytest.raises(UnknownKind):
        body_from_fields(0x99, [])


def test_impossible_transfers_cannot_be_built() -> None:
    with pytest.raises(RecipientIsZero):
        Transfer(ZERO_ADDRESS, 1)
    with pytest.raises(FieldOutOfRange):
        Transfer(address(1), U128_MAX + 1)
    with pytest.raises(FieldOutOfRange):
        Transfer(address(1), -1)
    with pytest.raises(FieldHasWrongLength):
        Transfer(address(1), 1, bytes(65))
    assert Transfer(address(1), U128_MAX, bytes(64)).amount == U128_MAX
