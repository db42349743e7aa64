"""Votes that the device verifies and counts, against the definition of a tally."""

import random
from dataclasses import replace

import pytest

from native.gpu.emulated_device import EmulatedDevice, emulation
from native.gpu.engine import GpuEngine
from native.gpu.pipeline import Limits
from native.gpu.votes import VoteCounter
from native.signatures import Algorithm, SignatureItem
from native.tally import STAKE_SUM_MAX, Votes, tally_votes
from tests.builders_signatures import keys_of, make_item

pytestmark = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")

SMALL = Limits(items=8, fresh_keys=4, message_bytes=8_192, recent_keys=4)


@pytest.fixture(scope="module")
def items() -> list[SignatureItem]:
    """Valid ones of all parameter sets, and one that is not."""
    good = [make_item(key) for algorithm in Algorithm for key in keys_of(algorithm, 2)]
    return [*good, replace(good[0], message=b"another")]


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("signers", [1, 31, 32, 33, 64, 100, 2_100])
def test_tallies_are_those_of_the_definition(
    items: list[SignatureItem], backwards: bool, signers: int
) -> None:
    chance = random.Random(signers)
    counter = VoteCounter(GpuEngine(EmulatedDevice(backwards=backwards), SMALL))
    count, groups = 60, 5
    batch = [chance.choice(items) for _ in range(count)]
    votes = Votes(
        [chance.randrange(groups - 1) for _ in batch],  # nobody votes in the last
        [chance.choice([0, signers - 1, chance.randrange(signers)]) for _ in batch],
    )
    stakes = [chance.randrange(STAKE_SUM_MAX // signers) for _ in range(signers)]
    stakes[0] += STAKE_SUM_MAX - sum(stakes)
    verdicts, tallies = counter.verify_and_tally(batch, votes, stakes, groups)
    assert verdicts == [item is not items[-1] for item in batch]
    assert tallies == tally_votes(verdicts, votes, stakes, groups)
    assert tallies[-1].stake == 0


def test_all_stake_there_is_can_be_counted(items: list[SignatureItem]) -> None:
    counter = VoteCounter(GpuEngine(EmulatedDevice(), SMALL))
    stakes = [STAKE_SUM_MAX - 2, 1, 1]
    _, tallies = counter.verify_and_tally([items[0]] * 3, Votes([0] * 3, [0, 1, 2]), stakes, 1)
    assert tallies[0].stake == STAKE_SUM_MAX


def test_of_no_votes_there_are_empty_tallies() -> None:
    counter = VoteCounter(GpuEngine(EmulatedDevice(), SMALL))
    verdicts, tallies = counter.verify_and_tally([], Votes([], []), [7], 2)
    assert (verdicts, [each.stake for each in tallies]) == ([], [0, 0])
    assert counter.verify_and_tally([], Votes([], []), [], 0) == ([], [])


def test_a_vote_of_nobody_is_our_mistake(items: list[SignatureItem]) -> None:
    counter = VoteCounter(GpuEngine(EmulatedDevice(), SMALL))
    with pytest.raises(AssertionError, match="no stake"):
        counter.verify_and_tally([items[0]], Votes([0], [1]), [7], 1)
