"""Wrong rules that only whole nodes can show: what they do with evidence, and with a fork."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from aichain.node.accuser import Accuser
from aichain.node.syncer import PeerLied, Syncer


async def accuse_nobody(*_: object) -> None:
    """Offences are logged, and nobody is told."""


async def any_fork_is_a_lie(*_: object) -> None:
    """Blocks that do not follow ours are the peer's fault, whoever signed them."""
    raise PeerLied("its blocks do not follow ours")


_PATCHES: dict[str, tuple[object, str, Any, str]] = {
    "nobody is accused": (Accuser, "accuse", accuse_nobody, "guilty"),
    "a fork is a lie": (Syncer, "_judge_fork", any_fork_is_a_lie, "beyond"),
}
SHOWN_BY = {name: kind for name, (*_, kind) in _PATCHES.items()}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    target, attribute, wrong, _ = _PATCHES[name]
    with patch.object(target, attribute, wrong):
        yield
