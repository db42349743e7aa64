"""Redialling is quick after a loss and rare when nobody has been there for long."""

from p2p.redial import RARELY_MS, SELDOM_MS, SOON_MS, redial_delay_ms


def test_the_first_minute_keeps_below_a_second() -> None:
    assert all(
        redial_delay_ms(failures, luck) <= 1_000 for failures in range(60) for luck in range(60)
    )


def test_delays_grow_with_failures() -> None:
    middle = 25  # no jitter
    assert redial_delay_ms(1, middle) < redial_delay_ms(10, middle) == SOON_MS
    assert redial_delay_ms(60, middle) == SOON_MS
    assert redial_delay_ms(61, middle) == redial_delay_ms(200, middle) == SELDOM_MS
    assert redial_delay_ms(201, middle) == redial_delay_ms(100_000, middle) == RARELY_MS


def test_luck_spreads_the_delays_by_a_quarter_each_way() -> None:
    delays = {redial_delay_ms(10, luck) for luck in range(1_000)}
    assert min(delays) == SOON_MS * 75 // 100
    assert max(delays) == SOON_MS * 125 // 100
    assert len(delays) > 40
