"""Who is there: a proposer not heard from for a while is skipped at once (a heuristic, safe)."""

from collections.abc import Iterable

from consensus.core.state import State
from consensus.memory import changed
from genesis.limits import SILENT_VIEWS


def is_silent(state: State, index: int) -> bool:
    """R4: nothing signed by this member was seen for eight views."""
    if index == state.me:
        return False
    return index in state.absent or _views_unheard(state, index) > SILENT_VIEWS


def would_tell(state: State, index: int, view: int) -> bool:
    """Whether a vote of `view` is worth verifying only to know that its voter is there.

    Counting stops at the quorum, so without this the slowest honest member would be skipped. Asked
    from half the patience on, and for recent views only.
    """
    half = SILENT_VIEWS // 2
    return (
        (index in state.absent or _views_unheard(state, index) > half)
        and view > state.heard.get(index, 0)
        and view + half >= state.view
    )


def hear(state: State, indices: Iterable[int], view: int) -> State:
    """These members have signed something in `view`."""
    fresh = {index: view for index in indices if state.heard.get(index, 0) < view}
    if not fresh:
        return state
    return changed(state, heard={**state.heard, **fresh}, absent=state.absent - fresh.keys())


def forgive(state: State, view: int) -> State:
    """We skipped to `view`: what the others did meanwhile was not for us to hear."""
    return changed(state, heard_since=view, absent=frozenset())


def carry_over(before: State, after: State) -> State:
    """Who was silent when an epoch ended has to say something in the next one first."""
    members = before.instance.electorate.members
    silent = {member for index, member in enumerate(members) if is_silent(before, index)}
    voters = enumerate(after.instance.electorate.members)
    return changed(after, absent=frozenset(index for index, each in voters if each in silent))


def _views_unheard(state: State, index: int) -> int:
    return state.view - max(state.heard.get(index, 0), state.heard_since)
