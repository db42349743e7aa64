"""Parts of addresses as the parameters of RPC methods; what they cannot be is refused."""

import re
from typing import Final

from aichain.explorer.errors import NothingHere, UnreadableQuestion
from aichain.explorer.visit import Visit

_HASH: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})", re.ASCII)
_HEIGHT: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CURSOR: Final = re.compile(r"[0-9]{1,18}\.[0-9]{1,9}", re.ASCII)


def as_hash(text: str) -> str | None:
    """`0x` and 64 digits; None for anything else."""
    found = _HASH.fullmatch(text)
    return None if found is None else "0x" + found[1].lower()


def as_height(text: str) -> int | None:
    return int(text) if _HEIGHT.fullmatch(text) else None


def hash_in(visit: Visit, what: str) -> str:
    """The hash in the path. Raises NothingHere where there is something else."""
    found = as_hash(visit.path["hash"])
    if found is None:
        raise NothingHere(
            what=f"The hash of a {what} is 0x and 64 hexadecimal digits.",
            fix="Copy the whole hash, or search for it.",
        )
    return found


def height_in(visit: Visit) -> int:
    found = as_height(visit.path["height"])
    if found is None:
        raise NothingHere(what="That is no height.", fix="Heights are numbers: 0, 1, 2, …")
    return found


def before_in(visit: Visit, head: int) -> int:
    """Where a page of blocks begins; the newest one by default."""
    text = visit.query.get("before", "")
    if not text:
        return head
    found = as_height(text)
    if found is None:
        raise UnreadableQuestion(what="`before` is a height.", fix="Follow the links of the page.")
    return min(head, max(0, found - 1))


def cursor_in(visit: Visit) -> str | None:
    text = visit.query.get("cursor", "")
    if not text:
        return None
    if not _CURSOR.fullmatch(text):
        raise UnreadableQuestion(
            what="A cursor is what the link to the next page carries.",
            fix="Begin at the first page.",
        )
    return text
