"""What a home still holds of one epoch, for whoever has to find out who made a fork."""

import logging
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from aichain.chain import Chain
from aichain.errors import ConfigError
from aichain.store.certificate_archive import CertificateArchive
from aichain.store.paths import DataPaths
from aichain.store.wal import peek
from consensus.certificates import QuorumCertificate
from consensus.fork_proof import Disclosure, Epoch
from consensus.records import CertificateSeen, decode_record
from genesis.epochs import epoch_of_height, first_height, last_height
from native.errors import InvalidData

log = logging.getLogger(__name__)


def disclosure_of(chain: Chain, root: Path, epoch: int) -> Disclosure:
    """FINALs and headers of the chain; NOTARs and NULLs of the vote log and of what left it.

    ConfigError where the chain holds no block of that epoch.
    """
    if chain.document.has_lanes:
        raise ConfigError(
            reason="this chain has two lanes: its forks are proved by their checkpoints",
            fix="compare `aichain query commit` of both sides",
        )
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
    kept = (each for each in _kept(DataPaths(root)) if each.instance_id == about.instance_id)
    return Disclosure(about, headers, tuple({*finals, *kept}))


def last_epoch(chain: Chain) -> int:
    """The epoch of the last final block."""
    return epoch_of_height(chain.head.head.height, chain.document.consensus.epoch_blocks)


def first_difference(one: Chain, other: Chain) -> int | None:
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


def _kept(paths: DataPaths) -> Iterator[QuorumCertificate]:
    logs = (raw for path in sorted(paths.signer.glob("*.wal")) for raw in peek(path))
    for raw in (*CertificateArchive(paths.certificates).records(), *logs):
        try:
            record = decode_record(raw)
        except InvalidData as error:
            log.warning("a record of %s is left out: %s", paths.root, error)
            continue
        if isinstance(record, CertificateSeen):
            yield record.certificate
