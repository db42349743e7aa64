"""Parameters: the numbers that the design fixes, and the ranges around them."""

from dataclasses import fields
from typing import Any

import pytest

from genesis.errors import InvalidGenesis
from genesis.params import (
    ConsensusParams,
    FeeParams,
    RewardParams,
    StakingParams,
    amount_fields,
    encodable_params,
    later_fields,
)
from genesis.units import AI, U128_MAX


def test_the_defaults_are_those_of_the_design() -> None:
    consensus, rewards, staking = ConsensusParams(), RewardParams(), StakingParams()
    assert (consensus.block_time_ms, consensus.epoch_blocks) == (500, 256)
    assert (consensus.full_set_limit, consensus.quorum_percent) == (20, 69)
    assert (consensus.delta_ms, consensus.clock_offset_ms) == (250, 200)
    assert (consensus.escape_ms, staking.max_validators) == (10_000, 20)
    assert rewards.initial_reward * 1000 == 1785 * AI
    assert rewards.halving_blocks == 252_288_000
    assert rewards.cap == 900_000_000 * AI
    assert (rewards.treasury_bps, rewards.validator_bps, rewards.ai_bps) == (200, 2000, 8000)
    assert staking.min_validator_stake == 2000 * AI
    assert staking.unbonding_blocks * consensus.block_time_ms == 21 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    "build",
    [
        lambda: ConsensusParams(quorum_percent=67),
        lambda: ConsensusParams(quorum_percent=100),
        lambda: ConsensusParams(block_time_ms=0),
        lambda: ConsensusParams(epoch_blocks=0),
        lambda: ConsensusParams(full_set_limit=65),
        lambda: ConsensusParams(delta_ms=0),
        lambda: ConsensusParams(clock_offset_ms=-1),
        lambda: ConsensusParams(escape_ms=0),
        lambda: ConsensusParams(escape_ms=600_001),
        lambda: FeeParams(min_base_fee=7),
        lambda: FeeParams(initial_base_fee=10, min_base_fee=11),
        lambda: FeeParams(max_block_weight=1000),
        lambda: FeeParams(max_block_bytes=1000),
        lambda: FeeParams(account_creation_fee=-1),
        lambda: RewardParams(validator_bps=2001),
        lambda: RewardParams(ai_bps=7999),
        lambda: RewardParams(treasury_bps=10_001),
        lambda: RewardParams(halving_blocks=0),
        lambda: RewardParams(cap=U128_MAX),
        lambda: StakingParams(min_validator_stake=0),
        lambda: StakingParams(max_validators=0),
        lambda: StakingParams(max_validators=1_001),
        lambda: StakingParams(unbonding_blocks=0),
        lambda: StakingParams(max_unbondings=0),
    ],
)
def test_a_parameter_out_of_range_cannot_be_built(build: Any) -> None:
    with pytest.raises(InvalidGenesis):
        build()


@pytest.mark.parametrize("kind", [ConsensusParams, FeeParams, RewardParams, StakingParams])
def test_every_field_is_in_the_encoding_in_its_place(kind: Any) -> None:
    values = encodable_params(kind())
    early = [entry for entry in fields(kind) if entry.name not in later_fields(kind)]
    assert fields(kind)[: len(early)] == tuple(early), "later fields come last"
    for entry, value in zip(early, values, strict=True):
        plain = getattr(kind(), entry.name)
        is_amount = entry.name in amount_fields(kind)
        assert value == (plain.to_bytes(16, "big") if is_amount else plain)


def test_a_later_field_is_in_the_encoding_when_it_is_not_its_default() -> None:
    plain = encodable_params(ConsensusParams())
    assert encodable_params(ConsensusParams(escape_ms=9_999)) == [*plain, 9_999]
    assert later_fields(ConsensusParams) == {"escape_ms"}


def test_the_amounts_are_known_by_name() -> None:
    assert amount_fields(RewardParams) == {"initial_reward", "cap"}
    assert amount_fields(ConsensusParams) == set()
    assert amount_fields(StakingParams) == {"min_validator_stake"}
