"""Headers: one wrong field, one named refusal."""

from dataclasses import replace
from typing import Any

import pytest

from genesis.params import FeeParams
from native.hashing import Hash32
from tests.builders_vm import (
    advance,
    advance_to,
    make_block,
    make_state,
    make_transaction,
    seal,
)
from vm.apply import apply_block
from vm.errors import (
    BlockTooHeavy,
    BlockTooLarge,
    FieldNotZero,
    InvalidBlock,
    ProposerOutOfRange,
    RepeatedTransaction,
    TimestampNotAfterParent,
    ViewNotAfterParent,
    WrongBlockVersion,
    WrongEpoch,
    WrongGenesis,
    WrongHeaderMmrRoot,
    WrongHeight,
    WrongParent,
    WrongReceiptsRoot,
    WrongStateRoot,
    WrongValidatorSet,
)
from vm.headers import earliest_timestamp_ms, require_size
from vm.validator_errors import WrongBeaconMix, WrongReveal

OTHER = Hash32(b"\x09" * 32)
PARENT = advance(make_state(), seal(make_transaction()))[0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 1}, WrongBlockVersion),
        ({"version": 3}, WrongBlockVersion),
        ({"genesis_hash": OTHER}, WrongGenesis),
        ({"epoch": 1}, WrongEpoch),
        ({"height": 1}, WrongHeight),
        ({"height": 3}, WrongHeight),
        ({"view": 1}, ViewNotAfterParent),
        ({"parent_id": OTHER}, WrongParent),
        ({"parent_view": 2**40}, ViewNotAfterParent),
        ({"proposer_index": 2}, ProposerOutOfRange),
        ({"proposer_index": 2**63}, ProposerOutOfRange),
        ({"timestamp_ms": earliest_timestamp_ms(PARENT) - 1}, TimestampNotAfterParent),
        ({"timestamp_ms": 0}, TimestampNotAfterParent),
        ({"parent_state_root": OTHER}, WrongStateRoot),
        ({"parent_state_root": make_state().root}, WrongStateRoot),
        ({"parent_receipts_root": OTHER}, WrongReceiptsRoot),
        ({"parent_outbox_root": OTHER}, FieldNotZero),
        ({"header_mmr_root": OTHER}, WrongHeaderMmrRoot),
        ({"vset_hash": OTHER}, WrongValidatorSet),
        ({"next_vset_hash": OTHER}, WrongValidatorSet),
        ({"onion_reveal": OTHER}, WrongReveal),
        ({"proposer_index": 1}, WrongReveal),
        ({"beacon_mix": OTHER}, WrongBeaconMix),
        ({"last_hard_height": 1}, FieldNotZero),
        ({"last_hard_id": OTHER}, FieldNotZero),
    ],
)
def test_one_wrong_field_is_refused_by_name(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        apply_block(PARENT, make_block(PARENT, **changes))
    assert isinstance(caught.value, InvalidBlock)


def test_the_header_of_the_builder_is_valid() -> None:
    assert apply_block(PARENT, make_block(PARENT))[0].head.height == 2


def test_a_block_of_the_grandparent_is_refused() -> None:
    with pytest.raises(WrongParent):
        apply_block(PARENT, make_block(make_state()))


def test_the_earliest_timestamp_is_one_block_time_after_the_parent() -> None:
    assert earliest_timestamp_ms(PARENT) == PARENT.head.timestamp_ms + 500
    late = make_block(PARENT, timestamp_ms=2**63)
    assert apply_block(PARENT, late)[0].head.timestamp_ms == 2**63


def test_the_first_block_of_an_epoch_starts_its_views_again() -> None:
    edge = advance_to(make_state(), 4)
    assert (edge.head.epoch, edge.head.view) == (0, 4)
    after, _ = advance(edge)
    assert (after.head.epoch, after.head.view, after.head.parent_view) == (1, 1, 0)


def test_a_body_is_bounded_in_weight_and_in_bytes() -> None:
    signed = [seal(make_transaction(nonce=nonce)) for nonce in range(50)]
    weight = sum(each.weight for each in signed)
    size = sum(len(each.raw) + 3 for each in signed) + 3
    fits = FeeParams(max_block_weight=weight, max_block_bytes=size)
    assert require_size(fits, signed) == weight
    with pytest.raises(BlockTooHeavy):
        require_size(replace(fits, max_block_weight=weight - 1), signed)
    with pytest.raises(BlockTooLarge):
        require_size(replace(fits, max_block_bytes=size - 1), signed)


def test_a_repeated_transaction_makes_the_block_invalid() -> None:
    signed = seal(make_transaction(nonce=1))
    with pytest.raises(RepeatedTransaction):
        apply_block(PARENT, make_block(PARENT, [signed, signed]))
    other_witness = seal(make_transaction(nonce=1), reveal=True)
    with pytest.raises(RepeatedTransaction):
        apply_block(PARENT, make_block(PARENT, [signed, other_witness]))
