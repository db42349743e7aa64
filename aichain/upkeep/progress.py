"""How far something that takes long has come."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""So much is done, of so much."""


def untold(_done: int, _total: int) -> None:
    """For whoever does not ask."""
