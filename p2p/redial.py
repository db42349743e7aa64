"""How long to wait before dialling again: soon after a loss, seldom when nobody has been there."""

from typing import Final

FIRST_DELAY_MS: Final = 200
SOON_MS: Final = 800
SELDOM_MS: Final = 5_000
RARELY_MS: Final = 15_000
_SOON_FAILURES: Final = 60
_SELDOM_FAILURES: Final = 200
_JITTER_PERCENT: Final = 25


def redial_delay_ms(failures: int, luck: int) -> int:
    """The wait after `failures` in a row; `luck` (any integer) spreads it by a quarter each way.

    A peer that was killed and restarted is found again within a second.
    """
    if failures <= _SOON_FAILURES:
        longest = SOON_MS
    elif failures <= _SELDOM_FAILURES:
        longest = SELDOM_MS
    else:
        longest = RARELY_MS
    delay = min(longest, FIRST_DELAY_MS << min(failures, 16))
    percent = 100 - _JITTER_PERCENT + luck % (2 * _JITTER_PERCENT + 1)
    return delay * percent // 100
