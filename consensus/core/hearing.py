"""Who is there: a proposer not heard from for a while is skipped at once (a heuristic, safe)."""

from collections.abc import Iterable
from dataclasses import replace

from consensus.core.state import State
from genesis.limits import SILENT_VIEWS_PER_MEMBER


def is_silent(state: State, index: int) -> bool:
    """R4: nothing signed by this member was seen for 2·N views."""
    return index != state.me and _views_unheard(state, index) > _patience(state)


def needs_hearing(state: State, index: int) -> bool:
    """True from half the patience on: then even a late vote is worth its verification.

    Counting stops at the quorum, so without this the slowest honest member would be skipped.
    """
    return 2 * _views_unheard(state, index) > _patience(state)


def hear(state: State, indices: Iterable[int], view: int) -> State:
    """These members have signed something in `view`."""
    fresh = {index: view for index in indices if state.heard.get(index, 0) < view}
    return replace(state, heard={**state.heard, **fresh}) if fresh else state


def _views_unheard(state: State, index: int) -> int:
    return state.view - max(state.heard.get(index, 0), state.heard_since)


def _patience(state: State) -> int:
    return SILENT_VIEWS_PER_MEMBER * len(state.instance.electorate)
