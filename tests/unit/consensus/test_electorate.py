"""Weights, the schedule of proposers, and who is who."""

from collections import Counter

import pytest

from consensus.electorate import (
    SCHEDULE_SLOTS,
    Electorate,
    apportion,
    draw_schedule,
    epoch_seed,
)
from genesis.networks import packaged_document
from native.hashing import ZERO_HASH, blake3_256
from tests.builders_consensus import make_address, make_electorate


def test_the_electorate_is_the_validator_set() -> None:
    document = packaged_document("testnet")
    validators = document.validator_set
    electorate = Electorate.of(validators, 3, epoch_seed(document.seed, 3))
    assert electorate.epoch == 3
    assert electorate.total == validators.total_stake
    assert electorate.vset_hash == validators.hash
    for index, validator in enumerate(validators):
        assert electorate.index_of(validator.address) == index
        assert electorate.weights[index] == validator.stake


def test_a_stranger_has_no_index() -> None:
    electorate = make_electorate((1, 1, 1))
    assert electorate.index_of(make_address(3)) is None
    assert electorate.index_of(None) is None


def test_slots_follow_the_weights() -> None:
    assert apportion((1, 1, 1, 1), 256) == (64, 64, 64, 64)
    assert apportion((1, 2, 5), 8) == (1, 2, 5)
    assert apportion((1, 1, 1), 256) == (86, 85, 85)  # equal remainders: the lower index
    assert apportion((10**30, 1), 256) == (256, 0)
    assert apportion((55, 28, 17), 10) == (5, 3, 2)  # 5.5, 2.8 and 1.7: not to the first or largest


def test_the_schedule_holds_exactly_the_slots() -> None:
    schedule = draw_schedule((3, 1, 1), ZERO_HASH)
    counted = Counter(schedule)
    assert [counted[index] for index in range(3)] == list(apportion((3, 1, 1), SCHEDULE_SLOTS))


def test_the_schedule_follows_from_the_seed() -> None:
    first, again = draw_schedule((1, 1, 1), ZERO_HASH), draw_schedule((1, 1, 1), ZERO_HASH)
    other = draw_schedule((1, 1, 1), blake3_256(b"another"))
    assert first == again
    assert first != other


def test_the_schedule_is_a_known_answer() -> None:
    """A change here is a fork: proposers of every chain follow from it."""
    schedule = draw_schedule((1, 1, 1, 1), ZERO_HASH)
    assert blake3_256(bytes(schedule)).hex()[:16] == "bcb7d5642858af27"


def test_every_epoch_has_its_seed() -> None:
    seeds = {epoch_seed(ZERO_HASH, epoch) for epoch in range(10)}
    assert len(seeds) == 10


def test_the_schedule_repeats_after_256_views() -> None:
    electorate = make_electorate((1, 2, 3))
    assert [electorate.proposer(view) for view in range(256)] == list(electorate.schedule)
    assert electorate.proposer(1) == electorate.proposer(257)


@pytest.mark.parametrize("weights", [(), (1, 0), (1, -1)])
def test_an_electorate_without_weight_is_our_mistake(weights: tuple[int, ...]) -> None:
    members = tuple(make_address(index) for index in range(len(weights)))
    with pytest.raises(AssertionError):
        Electorate(0, members, weights, (0,) * SCHEDULE_SLOTS, ZERO_HASH)
