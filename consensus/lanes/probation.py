"""When a validator may sign in lanes again whose log is new, or ahead of its chain."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.records import LaneRecord, settled_number
from consensus.probation import Head, Probation, has_heard_quorum, has_just_begun
from consensus.records import ProposalCast, SigningAllowed, VoteCast

LATER_CHECKPOINTS = 2
"""Who has decided checkpoint *n* may sign in the terms *n*+1 and *n*+2, and nowhere later."""
CLOCK_MARGIN_MS: Final = 10_000
"""So far apart our clock and those of a quorum may be for a stamp to say what came first."""


def is_trusted(records: Iterable[LaneRecord]) -> bool:
    """Whether a log holds all that its key has signed and that can still count: only who was
    allowed to sign wrote one of these, and a word of closing follows a first vote or permission."""
    return any(isinstance(each, SigningAllowed | VoteCast | ProposalCast) for each in records)


def must_abstain(records: tuple[LaneRecord, ...], number: int) -> bool:
    """At the start: the log says nothing, or its chain was lost and is not there again yet."""
    return not is_trusted(records) or number <= settled_number(records)


def head_at(number: int) -> Head:
    """Where a member stands that does not know checkpoint `number` decided."""
    return Head(number - 1, 0, number)


def may_start_signing(probation: Probation, number: int) -> bool:
    """A new log: wait until nothing that was signed and forgotten can count.

    A decision is known to a COMMIT quorum's ballot before we act on it, so somebody honest in the
    quorum that spoke stood at most one checkpoint below us. Hence we signed nothing in a ballot
    above the highest number *m* that was said, plus one, nor in a term above *m* + 2. Numbers that
    we have not reached may be lies; the others must be of a quorum.
    """
    if has_just_begun(probation):
        return True
    reached = {index: head for index, head in probation.heard.items() if head.view <= number}
    if not has_heard_quorum(replace(probation, heard=reached)):
        return False
    return number > max(head.view for head in reached.values()) + LATER_CHECKPOINTS


def is_later(checkpoint: Checkpoint, started_ms: int) -> bool:
    """Whether a decided checkpoint was proposed after we started.

    A quorum of all stake found its stamp to be of its time (R2), so no liar can date it forward.
    """
    return checkpoint.timestamp_ms >= started_ms + CLOCK_MARGIN_MS


def may_start_signing_after(seen: int, number: int) -> bool:
    """The same for who is connected to no quorum: `seen` is the first later checkpoint.

    What we signed and forgot was in ballots whose parents were decided before we started, so in
    none above `seen`, and in no term above the next.
    """
    return number > seen + LATER_CHECKPOINTS
