"""Final blocks by height and id, their receipts, and the certificates that cover them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from aichain.errors import StoreCorrupt
from aichain.store.header_range import prove_header
from aichain.store.keys import (
    CERTIFICATE,
    FIRST,
    anchor_key,
    block_key,
    certificate_key,
    height_in,
    height_key,
    receipts_key,
)
from aichain.store.kv import KeyValueReader
from aichain.store.segments import BodyRecord, Position, SegmentFiles
from aichain.store.validator_sets import first_epoch, validators_of_epoch
from consensus.certificates import QuorumCertificate, decode_certificate
from consensus.light import Finality
from genesis import limits
from genesis.epochs import epoch_of_height
from genesis.validators import ValidatorSet
from native import codec
from native.errors import DecodeError, InvalidData
from native.hashing import Hash32, hash32
from vm.blocks import Block, Header, decode_body, decode_header
from vm.mmr import MmrProof
from vm.receipts import Receipt, decode_receipt, encode_receipt

T = TypeVar("T")

_RECORD_FIELDS = 6
_RECORD_BYTES = 256


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What the database keeps of a final block; the rest lies in a segment at `position`."""

    id: Hash32
    state_root: Hash32
    """Root after this block; the next header repeats it."""
    position: Position
    finalized_at_ms: int | None
    """None for a block that was taken by sync: nobody here saw when it became final."""

    def encode(self) -> bytes:
        where = self.position
        return codec.encode(
            [
                self.id,
                self.state_root,
                where.segment,
                where.offset,
                where.length,
                self.finalized_at_ms or 0,
            ]
        )

    @staticmethod
    def decode(raw: bytes) -> "BlockRecord":
        fields = codec.decode(raw, max_bytes=_RECORD_BYTES, max_items=_RECORD_FIELDS)
        block_id, root, segment, offset, length, finalized = codec.array(fields, _RECORD_FIELDS)
        return BlockRecord(
            hash32(block_id),
            hash32(root),
            Position(codec.uint(segment), codec.uint(offset), codec.uint(length)),
            codec.uint(finalized) or None,
        )


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A final block with everything that RPC shows of it."""

    block: Block
    receipts: tuple[Receipt, ...]
    state_root: Hash32
    finalized_at_ms: int | None

    @property
    def header(self) -> Header:
        return self.block.header


@dataclass(frozen=True, slots=True)
class CertifiedPath:
    """A FINAL certificate, and the headers from its block (first) down to the height asked for."""

    certificate: QuorumCertificate
    headers: tuple[Header, ...]


class BlockStore:
    """Reads for any thread, and the entries that the ledger's writer puts into its batch."""

    def __init__(self, database: KeyValueReader, bodies: SegmentFiles, epoch_blocks: int) -> None:
        self._database = database
        self._bodies = bodies
        self._epoch_blocks = epoch_blocks
        first = database.get(FIRST)
        self.first = int.from_bytes(first, "big") if first is not None else 0
        """From this height on blocks are kept whole; below it, what light clients start from."""
        self.first_set = first_epoch(database)
        """The first epoch whose validators are known."""

    @property
    def path(self) -> Path:
        """Where the database lies."""
        return self._database.path

    def height_of(self, block_id: Hash32) -> int | None:
        """The height of a final block."""
        height = self._database.get(height_key(block_id))
        return int.from_bytes(height, "big") if height is not None else None

    def record_at(self, height: int) -> BlockRecord | None:
        raw = self._database.get(block_key(height))
        return BlockRecord.decode(raw) if raw is not None else None

    def raw_at(self, height: int) -> BodyRecord | None:
        """Header and body as they came: what peers are served, without decoding anything."""
        raw = self._read(height, lambda record: self._bodies.read(record.position))
        return raw if height >= self.first else None

    def header_at(self, height: int) -> Header | None:
        """Of any block that is kept, and of the last one of every epoch."""
        return self._read(height, self._header) or self._anchor(height)

    def block_at(self, height: int) -> StoredBlock | None:
        stored = self._read(
            height,
            lambda record: StoredBlock(
                block=self._block(record, height),
                receipts=self.receipts_at(height),
                state_root=record.state_root,
                finalized_at_ms=record.finalized_at_ms,
            ),
        )
        return stored if height >= self.first else None

    def block_by_id(self, block_id: Hash32) -> StoredBlock | None:
        height = self.height_of(block_id)
        return self.block_at(height) if height is not None else None

    def transaction_ids_at(self, height: int) -> list[Hash32]:
        """What the index is made of: the transactions of a final block."""
        return [signed.id for signed in self._block(self._required(height), height).transactions]

    def decode(self, position: Position, raw: BodyRecord) -> Block:
        """A block out of a segment, whose checksum has been verified."""
        try:
            return Block(decode_header(raw.header_raw), decode_body(raw.body_raw))
        except InvalidData as error:
            raise self._damaged(position, f"the block does not decode: {error}") from error

    def receipts_at(self, height: int) -> tuple[Receipt, ...]:
        """Receipts of a final block, in the order of its transactions."""
        raw = self._database.get(receipts_key(height))
        if raw is None:
            return ()
        raws = codec.decode(raw, max_bytes=len(raw), max_items=limits.BODY_TRANSACTIONS_MAX)
        return tuple(decode_receipt(codec.bounded(each, len(raw))) for each in raws)

    def validators_at(self, height: int) -> ValidatorSet:
        """Who decided a height, or is going to: up to two epochs above the last final block."""
        epoch = epoch_of_height(height, self._epoch_blocks)
        return validators_of_epoch(self._database, epoch)

    def certificate_at(self, height: int) -> QuorumCertificate | None:
        """The FINAL certificate of exactly this block, if it is kept."""
        raw = self._database.get(certificate_key(height))
        return _certificate(raw) if raw is not None else None

    def certificate_covering(self, height: int) -> CertifiedPath | None:
        """The nearest certificate that makes this height final, itself or through descendants."""
        entries = self._database.iterate(CERTIFICATE, start=certificate_key(height), limit=1)
        for key, raw in entries:
            headers = self.headers_down(height_in(key, CERTIFICATE), height)
            return None if headers is None else CertifiedPath(_certificate(raw), headers)
        return None

    def headers_down(self, certified: int, height: int) -> tuple[Header, ...] | None:
        """From a certified block (first) down to a height, if that way is kept and not too long."""
        path = range(certified, height - 1, -1)
        if len(path) > limits.CERTIFIED_PATH_MAX or (height < self.first and len(path) > 1):
            return None
        headers = [header for header in map(self.header_at, path) if header is not None]
        if len(headers) < len(path):
            self._required(max(height, self.first))
            return None
        return tuple(headers)

    def finality_of(self, height: int) -> Finality | None:
        """All that shows somebody who trusts an older block that this one is final."""
        covering = self.certificate_covering(height)
        if covering is None:
            return None
        certificate = covering.certificate
        start = self.header_at(certificate.epoch * self._epoch_blocks)
        if start is None:
            return None
        voters = self.validators_at(certificate.height)
        return Finality(certificate, start.id, covering.headers, voters)

    def prove_header(self, height: int, at: int) -> MmrProof | None:
        """That the block at `height` lies under the header at `at`, by that header's range."""
        return prove_header(self._database, at, height)

    def stage_block(
        self,
        batch: dict[bytes, bytes | None],
        header: Header,
        record: BlockRecord,
        receipts: Sequence[Receipt],
    ) -> None:
        """Add what is kept of a block that becomes final."""
        batch[block_key(header.height)] = record.encode()
        batch[height_key(header.id)] = header.height.to_bytes(8, "big")
        if receipts:
            batch[receipts_key(header.height)] = codec.encode(
                [encode_receipt(receipt) for receipt in receipts]
            )

    def stage_certificate(
        self, batch: dict[bytes, bytes | None], certificate: QuorumCertificate, old_head: int
    ) -> None:
        """Add the certificate of the new head, and drop those that leave the hot window.

        The last one of each epoch stays for ever: it is the anchor that light clients and
        joining nodes start from, and it covers the epoch's other blocks (design 3.8). So does one
        per CERTIFICATE_SPACING_BYTES of bodies: a joining node holds what it has executed in
        memory until a certificate makes it final.
        """
        height = certificate.height
        batch[certificate_key(height)] = codec.encode(certificate.encode())
        first = max(1, old_head - limits.CERTIFICATE_WINDOW_BLOCKS)
        last = height - limits.CERTIFICATE_WINDOW_BLOCKS
        if last < first:
            return
        previous: int | None = None
        for key, _ in self._database.iterate(CERTIFICATE, start=certificate_key(first)):
            certified = height_in(key, CERTIFICATE)
            if previous is not None and self._stretch(previous) == self._stretch(certified):
                batch[certificate_key(previous)] = None
            if certified > last:
                return
            previous = certified

    def stage_pruned(self, batch: dict[bytes, bytes | None], last: int) -> None:
        """Drop what is kept of the blocks from `first` up to below `last`.

        Of the last block of each epoch the header and the certificate stay: who trusts an older
        block climbs from one of these anchors to the next.
        """
        for height in range(self.first, last):
            record = self._required(height)
            batch[block_key(height)] = batch[height_key(record.id)] = None
            batch[receipts_key(height)] = None
            if height % self._epoch_blocks:
                batch[certificate_key(height)] = None
            else:
                batch[anchor_key(height)] = self._header(record).raw
        batch[FIRST] = last.to_bytes(8, "big")

    def _stretch(self, height: int) -> tuple[int, int, int]:
        """Of the blocks that agree in this, one old certificate is enough."""
        return epoch_of_height(height, self._epoch_blocks), *self.spacing_of(height)

    def spacing_of(self, height: int) -> tuple[int, int]:
        """Where a block's body lies, as coarsely as old certificates are kept."""
        position = self._required(height).position
        return position.segment, position.offset // limits.CERTIFICATE_SPACING_BYTES

    def _read(self, height: int, read: Callable[[BlockRecord], T]) -> T | None:
        """What is read of a block; None if it is not kept, be it since a moment ago."""
        record = self.record_at(height)
        if record is None:
            return None
        try:
            return read(record)
        except StoreCorrupt:
            if height < self.first:
                return None
            raise

    def _anchor(self, height: int) -> Header | None:
        raw = self._database.get(anchor_key(height))
        return decode_header(raw) if raw is not None else None

    def _required(self, height: int) -> BlockRecord:
        record = self.record_at(height)
        if record is None:
            raise StoreCorrupt(
                path=str(self._database.path), reason=f"no block at final height {height}"
            )
        return record

    def _block(self, record: BlockRecord, height: int) -> Block:
        block = self.decode(record.position, self._bodies.read(record.position))
        if block.id != record.id:
            raise self._damaged(record.position, f"another block lies at height {height}")
        return block

    def _header(self, record: BlockRecord) -> Header:
        try:
            header = decode_header(self._bodies.read_header(record.position))
        except DecodeError:
            header = None
        if header is None or header.id != record.id:
            raise self._damaged(record.position, "the header is damaged")
        return header

    def _damaged(self, position: Position, reason: str) -> StoreCorrupt:
        return self._bodies.corrupt(position.segment, position.offset, reason)


def _certificate(raw: bytes) -> QuorumCertificate:
    items = 2 * limits.ELECTORATE_MEMBERS_MAX
    return decode_certificate(codec.decode(raw, max_bytes=len(raw), max_items=items))
