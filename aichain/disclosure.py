"""What a home still holds of one epoch, for whoever has to find out who made a fork.

On a chain of two lanes: of one ballot, that on the checkpoint of a number.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from aichain.chain import Chain
from aichain.errors import ConfigError
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.paths import DataPaths
from aichain.store.wal import peek
from consensus.certificates import QuorumCertificate
from consensus.fork_proof import Disclosure, Epoch
from consensus.lanes.records import CheckpointSeen, decode_lane_record
from consensus.records import CertificateSeen, decode_record
from consensus.votes import VotePhase
from genesis.checkpoints import Checkpoint
from genesis.epochs import epoch_of_height, first_height, last_height
from native.errors import InvalidData
from native.hashing import Hash32

log = logging.getLogger(__name__)

R = TypeVar("R")


def disclosure_of(chain: Chain, root: Path, part: int) -> Disclosure:
    """FINALs and headers of the chain; NOTARs and NULLs of the vote log and of what left it.

    `part` is an epoch, or the number of a checkpoint. ConfigError where nothing of it is held.
    """
    of_part = _of_ballot if chain.document.has_lanes else _of_epoch
    return of_part(chain, root, part)


def last_part(chain: Chain) -> int:
    """The epoch of the last final block; the number of the last checkpoint."""
    if not chain.document.has_lanes:
        return epoch_of_height(chain.head.head.height, chain.document.consensus.epoch_blocks)
    last = chain.decisions.last
    return 0 if last is None else last.checkpoint.number


def parted_in(homes: Sequence[tuple[Chain, Path]]) -> int | None:
    """The epoch, or the checkpoint, in which the first of these and another one first differ."""
    (chain, root), *others = homes
    if chain.document.has_lanes:
        ours = _decided(chain, root)
        numbers = [_first_rival(ours, _decided(*other)) for other in others]
        return min((number for number in numbers if number is not None), default=None)
    found = [_first_difference(chain, other) for other, _ in others]
    heights = [height for height in found if height is not None]
    epoch_blocks = chain.document.consensus.epoch_blocks
    return epoch_of_height(min(heights), epoch_blocks) if heights else None


def _of_epoch(chain: Chain, root: Path, epoch: int) -> Disclosure:
    blocks, epoch_blocks = chain.blocks, chain.document.consensus.epoch_blocks
    first, last = first_height(epoch, epoch_blocks), last_height(epoch, epoch_blocks)
    heights = range(first, min(last, chain.head.head.height) + 1)
    headers = tuple(filter(None, map(blocks.header_at, heights)))
    start = blocks.header_at(first - 1)
    if not headers or (start is None and headers[0].height != first):
        raise ConfigError(
            reason=f"{root} holds no block of epoch {epoch}",
            fix="give the home of a node that was there, or another --epoch",
        )
    start_id = headers[0].parent_id if start is None else start.id
    about = Epoch(chain.document.hash, epoch, start_id, blocks.validators_at(first))
    finals = filter(None, map(blocks.certificate_at, heights))
    kept = _certificates(_kept(DataPaths(root), decode_record))
    ours = (each for each in kept if each.instance_id == about.instance_id)
    return Disclosure(about, headers, tuple({*finals, *ours}))


def _of_ballot(chain: Chain, root: Path, number: int) -> Disclosure:
    known, held = _checkpoints(chain, root)
    finals = {each.block_id for each in held if each.phase is VotePhase.COMMIT}
    voted_on = [each for each in known if each.number == number]
    voted_on.sort(key=lambda each: (each.id not in finals, each.id))
    if not voted_on:
        raise ConfigError(
            reason=f"{root} holds nothing of checkpoint {number}",
            fix="give the home of a node that was there, or another --checkpoint",
        )
    decided = voted_on[0]
    voters = chain.blocks.validators_at(decided.block_height)
    about = Epoch(chain.document.hash, decided.epoch, decided.parent_id, voters, number)
    ours = (each for each in held if each.instance_id == about.instance_id)
    return Disclosure(about, (decided,), tuple(ours))


def _decided(chain: Chain, root: Path) -> dict[int, Hash32]:
    """The checkpoints that a FINAL of this home is of, by number."""
    known, held = _checkpoints(chain, root)
    finals = {each.block_id for each in held if each.phase is VotePhase.COMMIT}
    return {each.number: each.id for each in known if each.id in finals}


def _checkpoints(chain: Chain, root: Path) -> tuple[set[Checkpoint], set[QuorumCertificate]]:
    """Of the decisions that are kept, and of what was voted on."""
    decisions = tuple(chain.decisions.from_number(1))
    records = tuple(_kept(DataPaths(root), decode_lane_record))
    seen = {each.checkpoint for each in records if isinstance(each, CheckpointSeen)}
    finals = (each.certificate for each in decisions)
    return (
        seen | {each.checkpoint for each in decisions},
        {*finals, *_certificates(records)},
    )


def _first_rival(ours: dict[int, Hash32], theirs: dict[int, Hash32]) -> int | None:
    rivals = (number for number in ours.keys() & theirs.keys() if ours[number] != theirs[number])
    return min(rivals, default=None)


def _first_difference(one: Chain, other: Chain) -> int | None:
    """The lowest height that both know by different blocks, as far as headers were kept."""
    low = max(one.blocks.first, other.blocks.first)
    top = min(one.head.head.height, other.head.head.height)
    anchors = range(0, low, one.document.consensus.epoch_blocks)
    for heights in (anchors, range(low, top + 1)):
        found = bisect_left(heights, 1, key=lambda height: _differ(one, other, height))
        if found < len(heights):
            return heights[found]
    return None


def _differ(one: Chain, other: Chain, height: int) -> int:
    """1 where both have a block and it is not the same; above that they never agree again."""
    ours, theirs = one.blocks.header_at(height), other.blocks.header_at(height)
    return int(ours is not None and theirs is not None and ours.id != theirs.id)


def _certificates(records: Iterable[object]) -> Iterator[QuorumCertificate]:
    return (each.certificate for each in records if isinstance(each, CertificateSeen))


def _kept(paths: DataPaths, read: Callable[[bytes], R]) -> Iterator[R]:
    logs = (raw for path in sorted(paths.signer.glob("*.wal")) for raw in peek(path))
    for raw in (*CertificateArchive(paths.certificates).records(), *logs):
        try:
            yield read(raw)
        except InvalidData as error:
            log.warning("a record of %s is left out: %s", paths.root, error)
