"""When a view gives up and when things are tried again, in integer milliseconds (R4, R9)."""

from consensus.core.state import CoreConfig, State
from genesis.limits import VIEW_BACKOFF_FAILS_MAX, VIEW_TIMEOUT_MAX_MS


def cancel_at_ms(state: State, tip_timestamp_ms: int) -> int:
    """R4: the earliest moment of an honest proposal, the clock offset, and 3Δ·1.5^fails for work.

    README, "A view's time": long enough that clocks σ apart skip no honest proposer. The cap counts
    from entering, so that no timestamp can put the moment off for good.
    """
    config, entered_ms = state.config, state.entered_ms
    fails = min(state.fails, VIEW_BACKOFF_FAILS_MAX)
    earliest_ms = _proposal_ms(state, tip_timestamp_ms)
    offset_ms = max(0, 2 * config.clock_offset_ms - config.delta_ms)
    work_ms: int = 3 * config.delta_ms * 3**fails // 2**fails
    return min(earliest_ms + offset_ms + work_ms, entered_ms + VIEW_TIMEOUT_MAX_MS)


def first_retry_ms(state: State, tip_timestamp_ms: int) -> int:
    """R9: 4Δ after a proposal was to be expected. Counted from entering, it would fire in every
    view of a quiet chain, which waits most of its 500 ms for that proposal."""
    earliest_ms = min(
        _proposal_ms(state, tip_timestamp_ms), state.entered_ms + state.config.block_time_ms
    )
    return earliest_ms + retry_ms(state.config)


def retry_ms(config: CoreConfig) -> int:
    """R9: a view that lasts this long has probably lost messages."""
    return 4 * config.delta_ms


def sync_ms(config: CoreConfig) -> int:
    """The pace of catching up; not faster than blocks come, or a quiet chain would look stalled."""
    return max(4 * config.delta_ms, 2 * config.block_time_ms)


def _proposal_ms(state: State, tip_timestamp_ms: int) -> int:
    """R1: the earliest moment of an honest proposal in this view."""
    return max(state.entered_ms, tip_timestamp_ms + state.config.block_time_ms)
