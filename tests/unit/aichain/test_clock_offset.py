"""What the timestamps of proposals say about our clock, and what one liar cannot make them say."""

import pytest

from aichain.clock_offset import Sighting, allowed_offset_ms, least_offset_ms
from genesis.params import ConsensusParams
from genesis.units import Address

PARAMS = ConsensusParams(delta_ms=100, clock_offset_ms=0)
SLACK_MS = PARAMS.block_time_ms + PARAMS.delta_ms
MEMBERS = [Address(bytes([index]) * 20) for index in range(4)]
EQUAL = dict.fromkeys(MEMBERS, 25)
"""The last of them is us."""


def offset(*lags: int | None, weights: dict[Address, int] = EQUAL) -> int | None:
    """From one lag a proposer."""
    pairs = zip(MEMBERS, lags, strict=False)
    sightings = [Sighting(who, lag) for who, lag in pairs if lag is not None]
    return least_offset_ms(sightings, weights, PARAMS)


@pytest.mark.parametrize("lags", [(3, 2, 5), (180, 230, 90), (500, 540, 600), (0, 0, 0)])
def test_no_clock_is_called_wrong_for_what_the_way_and_old_stamps_explain(
    lags: tuple[int, ...],
) -> None:
    assert offset(*lags) == 0


def test_proposals_from_the_future_show_that_we_are_behind() -> None:
    assert offset(-4_990, -4_950, -4_970) == -4_970


def test_old_proposals_of_everybody_show_that_we_are_ahead() -> None:
    assert offset(5_010, 5_030, 5_020) == 5_020 - SLACK_MS


@pytest.mark.parametrize("lie", [-3_600_000, 3_600_000])
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_one_liar_cannot_make_a_right_clock_wrong(lie: int, liar: int) -> None:
    lags = [20, 30, 40]
    lags[liar] = lie
    assert offset(*lags) == 0


@pytest.mark.parametrize("lie", [-3_600_000, 0, 3_600_000])
@pytest.mark.parametrize("truth", [-5_000, 5_000])
def test_nor_hide_a_wrong_one(lie: int, truth: int) -> None:
    found = offset(lie, truth, truth + 10)
    assert found is not None
    assert abs(found - truth) <= SLACK_MS
    assert abs(found) > allowed_offset_ms(PARAMS)


def test_stake_counts_not_heads() -> None:
    weights = dict(zip(MEMBERS, (18, 18, 40, 24), strict=True))
    assert offset(-5_000, -5_000, 10, weights=weights) == 0, "36 % may be faulty"
    assert offset(10, 10, -5_000, weights=weights) == -5_000, "40 % may not"


def test_while_too_little_stake_was_heard_nothing_is_known() -> None:
    assert offset() is None
    assert offset(-5_000, None, None) is None
    assert offset(-5_000, None, -4_000) == -4_000


def test_late_proposals_of_a_busy_machine_count_no_more_than_the_soonest() -> None:
    late = [Sighting(who, 9_000) for who in MEMBERS[:3]]
    soon = [Sighting(who, 12) for who in MEMBERS[:3]]
    assert least_offset_ms([*late, *soon, *late], EQUAL, PARAMS) == 0


def test_who_votes_no_more_says_nothing_any_more() -> None:
    old = Address(bytes([9]) * 20)
    assert least_offset_ms([Sighting(old, -9_000)], EQUAL, PARAMS) is None


def test_what_is_allowed_is_what_timers_grant_and_at_least_half_a_block() -> None:
    assert allowed_offset_ms(PARAMS) == 250
    assert allowed_offset_ms(ConsensusParams(delta_ms=250, clock_offset_ms=200)) == 400
