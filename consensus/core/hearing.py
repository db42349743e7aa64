"""Who is there: a proposer not heard from for a while is skipped at once (a heuristic, safe)."""

from collections.abc import Iterable
from dataclasses import replace

from consensus.core.state import State
from genesis.limits import SILENT_VIEWS_PER_MEMBER


def is_silent(state: State, index: int) -> bool:
    """R4: nothing signed by this member was seen for 2·N views."""
    return index != state.me and _views_unheard(state, index) > _patience(state)


def would_tell(state: State, index: int, view: int) -> bool:
    """Whether a vote of `view` is worth verifying only to know that its voter is there.

    Counting stops at the quorum, so without this the slowest honest member would be skipped. Asked
    from half the patience on, and for recent views only.
    """
    half = _patience(state) // 2
    return (
        _views_unheard(state, index) > half
        and view > state.heard.get(index, 0)
        and view + half >= state.view
    )


def hear(state: State, indices: Iterable[int], view: int) -> State:
    """These members have signed something in `view`."""
    fresh = {index: view for index in indices if state.heard.get(index, 0) < view}
    return replace(state, heard={**state.heard, **fresh}) if fresh else state


def _views_unheard(state: State, index: int) -> int:
    return state.view - max(state.heard.get(index, 0), state.heard_since)


def _patience(state: State) -> int:
    return SILENT_VIEWS_PER_MEMBER * len(state.instance.electorate)
