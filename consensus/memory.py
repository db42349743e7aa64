"""What a core remembers: frozen values of which every vote makes one or two changed copies.

They are no dataclasses, as all other values are, because of what a copy costs: `State` has 25
fields, and `dataclasses.replace` hands them to a constructor by their names, in 9 µs. The library
that keeps our messages (msgspec) makes the same copy in 0.2 µs.
"""

import msgspec
from msgspec import field
from msgspec.structs import replace as changed

__all__ = ["Memory", "changed", "field"]


class Memory(msgspec.Struct, frozen=True):
    """A value with slots, equal by its fields; `changed(value, name=content)` is a changed copy."""
