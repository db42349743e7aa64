"""Final blocks in a file, each stretch with the certificate that proves it, and back from there.

What a file says is checked as if a peer had sent it: its blocks follow ours by hash, a quorum of
those whom we believe has signed them, every transaction's signature holds, and all of it executes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aichain.chain import Chain
from aichain.errors import FileRefused, FileTorn
from aichain.node.bodies import decode_block, required_witnesses
from aichain.recovery import require_version
from aichain.store.decisions import finality_of
from aichain.upkeep.answer_file import AnswerWriter, read_answers
from aichain.upkeep.progress import Progress
from consensus.errors import InvalidCertificate, Unproven
from consensus.headers import block_ref
from consensus.lanes.messages import Decision
from consensus.light import Finality, Trust, verify_finality
from genesis import limits
from genesis.epochs import epoch_of_height
from native.batch import verify_many
from native.errors import InvalidData, InvalidSignature
from p2p.wire.messages import (
    BlockData,
    BlockRange,
    FinalityClaim,
    GetFinality,
    GetRange,
)
from vm.blocks import Block, Header, VerifiedBlock, body_bytes
from vm.errors import InvalidBlock
from vm.headers import require_size

KIND: Final = "blocks"
_ANSWER_BYTES: Final = limits.RESPONSE_MAX_BYTES // 2


@dataclass(frozen=True, slots=True)
class Moved:
    """What was written, or taken: the blocks from `first` to `last`, none where it is below."""

    first: int
    last: int

    @property
    def blocks(self) -> int:
        return self.last - self.first + 1


def export_blocks(chain: Chain, path: Path, heights: range, progress: Progress) -> Moved:
    """Write these final blocks, and those up to the next certificate; a file of them is gone on
    with. Blocking.

    FileRefused where the file that is there is of other blocks; StoreFailed, StoreCorrupt.
    """
    first, last = heights.start, heights.stop - 1
    written = _written(chain, path, first) if path.exists() else None
    if written is None:
        path.unlink(missing_ok=True)
        at, writer = first, AnswerWriter.create(path, KIND, chain.document.hash)
    else:
        at, end = written
        writer = AnswerWriter.go_on(path, end)
    begun = at
    with writer:
        while at <= last:
            claim = finality_of(chain.blocks, chain.decisions, at)
            assert claim is not None, "a final block lies below a certificate"
            for question, blocks in _ranges(chain, at, claim.height):
                writer.write(question, BlockRange(blocks, (), None))
            alone = replace(claim, headers=claim.headers[:1])
            writer.write(GetFinality(claim.height), FinalityClaim(alone))
            at = claim.height + 1
            progress(at - begun, last - begun + 1)
    return Moved(begun, at - 1)


def import_blocks(chain: Chain, path: Path, progress: Progress) -> Moved:
    """Take what follows the chain's head out of a file; what is here already is passed over.
    Blocking.

    FileRefused names what does not hold, UpgradeMissed a block of rules that we have not at its
    height; all stretches before it were taken. StoreFailed.
    """
    first, taken = chain.head.head.height + 1, _Taker(chain, path)
    size = path.stat().st_size
    for answered in read_answers(path, KIND, chain.document.hash):
        match answered.response:
            case BlockRange(blocks):
                taken.add(blocks)
            case FinalityClaim(claim) if claim is not None:
                taken.settle(claim)
            case _:
                raise FileRefused(str(path), f"no record of blocks ends at {answered.end}")
        progress(answered.end, size)
    return Moved(first, chain.head.head.height)


class _Taker:
    """Collects the blocks of a stretch until the certificate comes that makes them final."""

    def __init__(self, chain: Chain, path: Path) -> None:
        self._chain = chain
        self._path = path
        self._blocks: list[Block] = []
        self._size_bytes = 0

    def add(self, blocks: Sequence[BlockData]) -> None:
        head = self._chain.head.head
        for data in blocks:
            try:
                block = decode_block(data)
            except InvalidData as error:
                raise self._refused(str(error)) from None
            if block.header.height <= head.height:
                self._require_ours(block)
                continue
            last = self._blocks[-1].header if self._blocks else head
            if (block.header.height, block.header.parent_id) != (last.height + 1, last.id):
                raise self._refused(f"block {block.header.height} does not follow {last.height}")
            self._blocks.append(block)
            self._size_bytes += body_bytes(block.transactions)
            if (
                len(self._blocks) > limits.UNFINALIZED_BLOCKS
                or self._size_bytes > limits.UNFINALIZED_BYTES
            ):
                raise self._refused("more blocks without a certificate than are held in memory")

    def settle(self, claim: Finality) -> None:
        """The certificate of what was collected: proved, executed, final."""
        if not self._blocks:
            return
        blocks, self._blocks, self._size_bytes = self._blocks, [], 0
        last = blocks[-1].header
        if claim.headers[0].id != last.id:
            raise self._refused(f"what follows block {last.height} is not its certificate")
        self._require_final(claim, last)
        for block in blocks:
            self._execute(block)
        references = [block_ref(block.header) for block in blocks]
        if claim.checkpoint is None:
            self._chain.finalize(references, claim.certificate, finalized_at_ms=None)
        else:
            decision = Decision(claim.checkpoint, claim.certificate)
            self._chain.decide(references, decision, finalized_at_ms=None)

    def _require_final(self, claim: Finality, last: Header) -> None:
        """By those whom our own head names."""
        chain, head = self._chain, self._chain.head
        try:
            if claim.checkpoint is None:
                epoch_blocks = chain.document.consensus.epoch_blocks
                epoch = epoch_of_height(last.height, epoch_blocks)
                known = chain.blocks.header_at(epoch * epoch_blocks)
                is_ours = known is not None and known.id == claim.start_id
                if not is_ours or claim.certificate.epoch != epoch:
                    raise self._refused("a certificate of another chain's epoch")
            trust = Trust(head.head, head.validators_of(head.head.epoch))
            verify_finality(trust, claim, verify_many)
        except (Unproven, InvalidCertificate, InvalidSignature) as error:
            raise self._refused(f"block {claim.height} is not shown to be final: {error}") from None

    def _execute(self, block: Block) -> None:
        require_version(self._chain.document, block.header)
        chain, parent = self._chain, self._chain.state_of(block.header.parent_id)
        assert parent is not None, "blocks come in order"
        try:
            require_size(parent.document.fees, block.transactions)
            items = [item for each in required_witnesses(parent, block) for item in each]
            if not all(verify_many(items)):
                raise InvalidSignature(subject=f"a transaction of block 0x{block.id.hex()}")
            chain.execute(VerifiedBlock(block))
        except (InvalidBlock, InvalidSignature) as error:
            raise self._refused(
                f"final block {block.header.height} does not execute: {error}"
            ) from None

    def _require_ours(self, block: Block) -> None:
        known = self._chain.blocks.header_at(block.header.height)
        if known is not None and known.id != block.id:
            raise self._refused(f"its block {block.header.height} is another one than ours")

    def _refused(self, reason: str) -> FileRefused:
        return FileRefused(str(self._path), reason)


def _ranges(chain: Chain, at: int, last: int) -> Iterator[tuple[GetRange, tuple[BlockData, ...]]]:
    """The blocks up to a height, as many at a time as one answer carries."""
    while at <= last:
        count = min(limits.RANGE_BLOCKS_MAX, last - at + 1)
        blocks, size = list[BlockData](), 0
        for height in range(at, at + count):
            raw = chain.blocks.raw_at(height)
            assert raw is not None, "the writer of this ledger is here, and prunes nothing"
            size += len(raw.header_raw) + len(raw.body_raw)
            if blocks and size > _ANSWER_BYTES:
                break
            blocks.append(BlockData(raw.header_raw, raw.body_raw))
        yield GetRange(at, count), tuple(blocks)
        at += len(blocks)


def _written(chain: Chain, path: Path, first: int) -> tuple[int, int] | None:
    """The height that comes next in a file that is there, and the offset where it goes; None where
    no stretch in it is whole."""
    begins: int | None = None
    following, end = first, 0
    try:
        for answered in read_answers(path, KIND, chain.document.hash):
            if isinstance(answered.request, GetRange) and begins is None:
                begins = answered.request.from_height
            claim = answered.response
            if isinstance(claim, FinalityClaim) and claim.finality is not None:
                header = claim.finality.headers[0]
                ours = chain.blocks.header_at(header.height)
                if ours is None or ours.id != header.id:
                    raise FileRefused(str(path), f"its block {header.height} is not in this chain")
                following, end = header.height + 1, answered.end
    except FileTorn:
        pass  # an export that was interrupted
    if begins not in (None, first):
        raise FileRefused(str(path), f"it begins at block {begins}, not at {first}")
    return (following, end) if end else None
