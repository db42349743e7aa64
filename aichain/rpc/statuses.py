"""Words that a node says of itself and of its blocks."""

from enum import StrEnum


class BlockStatus(StrEnum):
    """What a user may rely on, weakest first. Only the last two can never change."""

    PROPOSED = "proposed"
    """Executed here."""
    FAST = "fast"
    """The committee of a chain with two lanes made it final: to be shown, not to be credited."""
    HARD = "hard"
    """Decided by 69 % of all stake, on a chain with two lanes."""
    FINAL = "final"
    """The same where everybody votes on every block."""


class Voting(StrEnum):
    """Whether this node's votes may count towards a quorum."""

    YES = "yes"
    PROBATION = "probation"
    """Its vote log is new: it signs nothing until nothing it forgot can count."""
    BEHIND_LOG = "behindLog"
    """It lost its chain: it signs nothing until it is where its vote log was."""
    NOT_VALIDATOR = "notValidator"


class JoinStage(StrEnum):
    """What a node that joins by snapshot is doing."""

    LOOKING = "looking"
    """It asks peers which snapshots they have, and for their proofs."""
    FETCHING = "fetching"
    CHECKING = "checking"
    """Everything is there; the whole is compared with the certified root."""
