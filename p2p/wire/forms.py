"""How a kind of message is written and read, and how large it may be, known before decoding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from genesis.limits import ELECTORATE_MEMBERS_MAX
from native.codec import Encodable, Value

CERTIFICATE_ITEMS: Final = ELECTORATE_MEMBERS_MAX + 16


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind is written and read, and how large it may be."""

    kind: int
    message: type
    write: Callable[[Any], Encodable]
    read: Callable[[list[Value]], Any]
    max_bytes: int
    max_items: int
    max_depth: int = 2


def by_kind(*forms: Form) -> dict[int, Form]:
    return {form.kind: form for form in forms}
