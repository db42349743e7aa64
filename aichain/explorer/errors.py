"""What a visitor is told on a page of its own."""

from dataclasses import dataclass

from native.errors import InvalidData


@dataclass(eq=False)
class NothingHere(InvalidData):
    """There is no such page, block, transaction or name."""

    what: str
    fix: str


@dataclass(eq=False)
class UnreadableQuestion(InvalidData):
    """The address of the page is not one that the explorer wrote."""

    what: str
    fix: str


@dataclass(eq=False)
class PageBroken(InvalidData):
    """A template does not fit what it was given: a mistake of ours, and no reason to stop."""

    template: str
    reason: str


@dataclass(eq=False)
class VisitedTooOften(InvalidData):
    """The same visitor, or all of them together, asked for more than the node gives."""

    retry_ms: int
