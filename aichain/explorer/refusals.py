"""What went wrong as a page: a status, a cause and a fix."""

from collections.abc import Mapping
from typing import Final

from aichain.explorer.errors import (
    NothingHere,
    PageBroken,
    UnreadableQuestion,
    VisitedTooOften,
)
from aichain.explorer.visit import Page
from aichain.rpc.errors import (
    HistoryDamaged,
    HistoryPruned,
    StateNotCertified,
    TimedOut,
    UnknownResource,
    error_object,
)
from genesis.errors import InvalidAddress
from native.errors import InvalidData

_STATUSES: Final[Mapping[type[InvalidData], int]] = {
    NothingHere: 404,
    UnknownResource: 404,
    HistoryPruned: 404,
    StateNotCertified: 404,
    UnreadableQuestion: 400,
    InvalidAddress: 400,
    VisitedTooOften: 429,
    HistoryDamaged: 500,
    PageBroken: 500,
    TimedOut: 503,
}
_HEADINGS: Final[Mapping[int, str]] = {
    400: "This cannot be read",
    404: "Nothing here",
    429: "Too many visits",
    500: "This node cannot show it",
    503: "This took too long",
}


def refusal_page(error: InvalidData) -> Page:
    """Every refusal has one; what is not in the table is the visitor's question."""
    status = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 400)
    what, fix = _explain(error)
    values = {"status": status, "heading": _HEADINGS[status], "what": what, "fix": fix}
    return Page(
        template="refusal.html",
        title=_HEADINGS[status],
        results={"error": error_object(error)},
        values=values,
        status=status,
    )


def _explain(error: InvalidData) -> tuple[str, str]:
    match error:
        case NothingHere(what, fix) | UnreadableQuestion(what, fix):
            return what, fix
        case HistoryPruned(height, first):
            return (
                f"This node dropped block {height}: it keeps blocks from {first} on.",
                "Ask a node that keeps all of them (aichain run --keep full).",
            )
        case StateNotCertified():
            return (
                "No block became final since this node started, so nothing proves its state yet.",
                "Come back in a moment.",
            )
        case VisitedTooOften(retry_ms):
            return (
                "You asked for more than this node gives at once.",
                f"Come back in {retry_ms / 1000:.1f} seconds.",
            )
        case HistoryDamaged():
            return (
                "What was written there cannot be read any more. The chain goes on without it.",
                "Its operator finds the place in the node's log, and `aichain doctor` says more.",
            )
        case PageBroken():
            return (
                "The page has a mistake. The chain, and all other pages, go on.",
                "The JSON form of the page has what it would have shown.",
            )
        case TimedOut(limit_ms):
            return f"The node needed more than {limit_ms / 1000:.0f} seconds.", "Try again later."
        case InvalidAddress(_, reason):
            return f"That is no address: {reason}.", "Copy it again; capitals are its checksum."
        case _:
            return str(error), "Check what you asked for."
