"""Joining by a snapshot in whole-node runs: small parts, short windows, lies about snapshots."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol
from unittest.mock import patch

from aichain.store.paths import DataPaths
from consensus.certificates import QuorumCertificate
from genesis import limits
from native.hashing import Hash32, blake3_256
from p2p.wire.messages import (
    AnyRequest,
    FinalityClaim,
    GetFinality,
    GetManifest,
    GetPart,
    GetSnapshots,
    Response,
    SnapshotManifest,
    SnapshotOffers,
    SnapshotPart,
)
from vm import snapshot

SNAPSHOT_LIES: Final = (
    "part with a spoilt record served",
    "part withheld",
    "manifest of another name served",
    "snapshot proved by too few",
    "snapshot offered that nobody made",
)
JOINED: Final = "joined by a snapshot"
LOST_IN_A_JOIN: Final = "power lost in a join"
_GAP_BLOCKS: Final = 8
_PART_BYTES: Final = 3_000
_MADE_UP_BLOCKS: Final = 1_000

_SELDOM: Final = 20
_OFTEN: Final = 80
"""In percent: who lies in its first answer is asked for nothing else."""


class Commits(Protocol):
    """Whether the liar commits this crime now, and if so a note of it."""

    def __call__(self, crime: str, *, percent: int = ...) -> bool: ...


@contextmanager
def small_snapshots() -> Iterator[None]:
    """A state of a few records is cut into many parts, and few blocks are far behind."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(limits, "SNAPSHOT_GAP_BLOCKS", _GAP_BLOCKS))
        patches.enter_context(patch.object(snapshot, "SNAPSHOT_PART_BYTES", _PART_BYTES))
        yield


def spoil(
    request: AnyRequest,
    answer: Response,
    commits: Commits,
    rng: random.Random,
    short_of: Callable[[QuorumCertificate], QuorumCertificate],
) -> Response:
    """What a liar makes of a true answer to a joining node; `commits` says when."""
    match request, answer:
        case GetPart(), SnapshotPart(raw) if raw:
            if commits("part withheld"):
                return SnapshotPart(b"")
            if commits("part with a spoilt record served"):
                at = rng.randrange(len(raw))
                return SnapshotPart(
                    raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]
                )
        case GetManifest(), SnapshotManifest(raw) if raw:
            if commits("manifest of another name served", percent=_OFTEN):
                return SnapshotManifest(raw[:-1] + bytes([raw[-1] ^ 1]))
        case GetFinality(), FinalityClaim(finality) if finality is not None:
            if commits("snapshot proved by too few"):
                return FinalityClaim(replace(finality, certificate=short_of(finality.certificate)))
        case GetSnapshots(), SnapshotOffers(offers) if offers:
            if commits("snapshot offered that nobody made", percent=_SELDOM):
                height, name = offers[-1]
                other = Hash32(blake3_256(name))
                return SnapshotOffers((*offers[1:], (height + _MADE_UP_BLOCKS, other)))
        case _:
            pass
    return answer


def is_joining(root: Path) -> bool:
    """Whether a stopped node was in the middle of a join."""
    paths = DataPaths(root)
    return any(path.exists() for path in (paths.joining, paths.joined, paths.replaced))
