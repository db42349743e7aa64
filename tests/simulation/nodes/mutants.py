"""Wrong rules that only whole nodes can show: what they do with evidence, and with a fork."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from aichain.node.accuser import Accuser
from aichain.node.syncer import PeerLied, Syncer
from aichain.store.certificate_archive import CertificateArchive
from consensus import forensics
from consensus.evidence import votes_conflict
from consensus.votes import Vote


async def accuse_nobody(*_: object) -> None:
    """Offences are logged, and nobody is told."""


async def any_fork_is_a_lie(*_: object) -> None:
    """Blocks that do not follow ours are the peer's fault, whoever signed them."""
    raise PeerLied("its blocks do not follow ours")


def keep_nothing(*_: object) -> None:
    """What leaves the vote log is gone."""


def same_phase_only(first: Vote, second: Vote) -> bool:
    """Two votes of one phase convict; COMMIT together with CANCEL does not."""
    return first.phase is second.phase and votes_conflict(first, second)


_PATCHES: dict[str, tuple[object, str, Any, str]] = {
    "nobody is accused": (Accuser, "accuse", accuse_nobody, "guilty"),
    "old certificates are not kept": (CertificateArchive, "add", keep_nothing, "beyond"),
    "COMMIT and CANCEL of a fork convict nobody": (
        forensics,
        "votes_conflict",
        same_phase_only,
        "beyond",
    ),
    "a fork is a lie": (Syncer, "_judge_fork", any_fork_is_a_lie, "beyond"),
}
SHOWN_BY = {name: kind for name, (*_, kind) in _PATCHES.items()}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    target, attribute, wrong, _ = _PATCHES[name]
    with patch.object(target, attribute, wrong):
        yield
