"""Wrong rules that only whole nodes can show: what they do with evidence, and with a fork."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from aichain.node import joiner
from aichain.node.accuser import Accuser
from aichain.node.fork_watch import ForkWatch
from aichain.node.syncer import PeerLied, Syncer
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.joining import JoiningChain
from aichain.store.keys import part_key, state_key
from consensus import forensics
from consensus.evidence import votes_conflict
from consensus.votes import Vote
from native import codec
from vm.commitment import Subtree, key_hash
from vm.snapshot import Part, PartRecords


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


def any_part(raw: bytes, part: Part, _prefix: int) -> PartRecords:
    """Whatever decodes to records is what was asked for."""
    decoded = codec.decode(raw, max_bytes=len(raw), max_items=2 * part.records, max_depth=1)
    fields = [codec.bounded(each, len(raw)) for each in codec.sequence(decoded, 2 * part.records)]
    keys, values = fields[::2], fields[1::2]
    places = sorted((key_hash(key), value) for key, value in zip(keys, values, strict=True))
    subtree = Subtree.build([each for each, _ in places], [each for _, each in places], part.depth)
    return PartRecords(dict(zip(keys, values, strict=True)), subtree)


def mark_before_part(chain: JoiningChain, index: int, records: Mapping[bytes, bytes]) -> None:
    """The mark that a part is here is on the disk a moment before the part is."""
    chain._database.write({part_key(index): b""}, sync=False)
    chain._database.write({state_key(key): records[key] for key in records}, sync=False)


async def explains_nothing(*_: object) -> bool:
    """Nobody is asked for its anchors: what it signs elsewhere is forged here."""
    return False


_PATCHES: dict[str, tuple[object, str, Any, str]] = {
    "nobody is accused": (Accuser, "accuse", accuse_nobody, "guilty"),
    "old certificates are not kept": (CertificateArchive, "add", keep_nothing, "beyond"),
    "COMMIT and CANCEL of a fork convict nobody": (
        forensics,
        "votes_conflict",
        same_phase_only,
        "beyond",
    ),
    "anchors are not compared": (ForkWatch, "judge", explains_nothing, "edges"),
    "a fork is a lie": (Syncer, "_judge_fork", any_fork_is_a_lie, "beyond"),
    "any part of a snapshot": (joiner, "read_part", any_part, "joiners"),
    "marked before the part": (JoiningChain, "write_part", mark_before_part, "joiners"),
}
SHOWN_BY = {name: kind for name, (*_, kind) in _PATCHES.items()}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with one rule replaced."""
    target, attribute, wrong, _ = _PATCHES[name]
    with patch.object(target, attribute, wrong):
        yield
