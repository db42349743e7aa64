"""The end of a view, in integers."""

import pytest

from consensus.core.timing import cancel_at_ms, retry_ms, sync_ms
from consensus.memory import changed
from tests.builders_consensus import make_config, make_state

STATE = changed(make_state(), entered_ms=10_000)  # Δ = 50, σ = 0


def test_a_view_lasts_three_delta_from_the_earliest_proposal() -> None:
    assert cancel_at_ms(STATE, 9_000) == 10_000 + 150
    assert cancel_at_ms(STATE, 9_800) == 9_800 + 500 + 150


@pytest.mark.parametrize(("fails", "work_ms"), [(0, 150), (1, 225), (2, 337), (3, 506), (10, 8649)])
def test_the_work_grows_by_half_with_every_failure(fails: int, work_ms: int) -> None:
    assert cancel_at_ms(changed(STATE, fails=fails), 0) == 10_000 + work_ms


def test_the_backoff_ends() -> None:
    assert cancel_at_ms(changed(STATE, fails=11), 0) == cancel_at_ms(changed(STATE, fails=10), 0)


def test_the_clock_offset_is_granted() -> None:
    config = make_config(delta_ms=250, clock_offset_ms=200)
    assert cancel_at_ms(changed(STATE, config=config), 0) == 10_000 + 150 + 750


def test_no_timestamp_puts_the_end_off_for_good() -> None:
    assert cancel_at_ms(STATE, 10**12) == 10_000 + 20_000


def test_retry_and_sync_follow_delta_but_sync_not_faster_than_blocks() -> None:
    assert retry_ms(make_config(delta_ms=250)) == 1_000
    assert sync_ms(make_config(delta_ms=400)) == 1_600
    assert sync_ms(make_config(delta_ms=50)) == 1_000
