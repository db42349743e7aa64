"""JSON of others, whose nesting is counted before it is read.

Readers of JSON call themselves for every level and rely on Python's recursion limit, which some
libraries raise: an answer of a hundred thousand brackets then ends the process.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

JSON_DEPTH_MAX: Final = 64
# One without an end is cut to the end, or each quote in it would be a beginning to be tried anew.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_AS_LISTS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def load_shallow(
    raw: bytes,
    *,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:  # noqa: ANN401 whatever JSON says
    """What `json.loads` makes of it; ValueError where that fails, or nests too deep."""
    if is_deeper(raw, JSON_DEPTH_MAX):
        raise ValueError(f"nested in more than {JSON_DEPTH_MAX} levels")
    return json.loads(raw.decode(), object_hook=object_hook, object_pairs_hook=object_pairs_hook)


def is_deeper(raw: bytes, levels: int) -> bool:
    """Whether lists and objects in this JSON lie in each other more than so many times.

    What is no JSON may be called deep, and is never called shallow where a reader would go deep.
    """
    if raw.count(b"[") + raw.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", raw).translate(_AS_LISTS, _NO_BRACKETS)
    for _ in range(levels):  # each round takes the innermost level of every branch away
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return brackets != b""
