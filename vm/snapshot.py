"""A state as parts that can be fetched from anybody: each is a subtree, verified by its root.

The manifest names the subtrees from left to right. Their roots fold to the state root, which a
header carries, so a false manifest is found before any part is fetched, and a false part when it
arrives. How a state is cut is a function of its records alone: all nodes make the same manifest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import lt

from genesis.limits import (
    MMR_PEAKS_MAX,
    SNAPSHOT_MANIFEST_BYTES,
    SNAPSHOT_PART_BYTES,
    SNAPSHOT_PART_RECORDS,
    SNAPSHOT_PARTS_MAX,
    STATE_KEY_MAX_BYTES,
    STATE_RECORD_MAX_BYTES,
)
from native import codec
from native.errors import DecodeError
from native.hashing import HASH_BYTES, Hash32, derive_hash, hash32
from native.sparse_tree import TREE_DEPTH
from vm.blocks import item_bytes
from vm.commitment import Subtree, has_prefix, key_hash, root_of_subtrees
from vm.mmr import HeaderMmr

MANIFEST_VERSION = 1

_HASH_DOMAIN = "aichain/snapshot/manifest/v1"
_ARRAY_HEAD_BYTES = 5
_PART_FIELDS = 4
_MANIFEST_FIELDS = 5

Entry = tuple[Hash32, bytes, bytes]
"""A record with its place in the tree: key hash, key, value."""


@dataclass(frozen=True, slots=True)
class Part:
    """A subtree of the state: all records whose key hashes begin with certain `depth` bits."""

    depth: int
    records: int
    size_bytes: int
    """Of its encoding."""
    root: Hash32


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds. Its roots are still claims: compare them with certified headers."""

    height: int
    block_id: Hash32
    parts: tuple[Part, ...]
    mmr: HeaderMmr
    """Over all blocks up to `height`, as the next header has it."""
    state_root: Hash32 = field(init=False, compare=False)
    """The root that the parts fold to."""

    def __post_init__(self) -> None:
        if not 0 < len(self.parts) <= SNAPSHOT_PARTS_MAX:
            raise DecodeError(f"a snapshot of {len(self.parts)} parts")
        root = root_of_subtrees((part.depth, part.records, part.root) for part in self.parts)
        if root is None:
            raise DecodeError("the parts of a snapshot do not tile the state")
        if self.mmr.count != self.height + 1:
            raise DecodeError("the header range of a snapshot does not end at its block")
        object.__setattr__(self, "state_root", root)

    @property
    def records(self) -> int:
        return sum(part.records for part in self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    def prefixes(self) -> tuple[int, ...]:
        """The leading bits of each part, as many as its depth says."""
        prefixes, start = [], 0
        for part in self.parts:
            prefixes.append(start >> (TREE_DEPTH - part.depth))
            start += 1 << (TREE_DEPTH - part.depth)
        return tuple(prefixes)

    def encode(self) -> bytes:
        rows: list[codec.Encodable] = [
            [part.depth, part.records, part.size_bytes, part.root] for part in self.parts
        ]
        peaks = b"".join(self.mmr.peaks)
        return codec.encode([MANIFEST_VERSION, self.height, self.block_id, rows, peaks])


def decode_manifest(raw: bytes) -> Manifest:
    """The manifest of these exact bytes; DecodeError otherwise."""
    items = _MANIFEST_FIELDS + (1 + _PART_FIELDS) * SNAPSHOT_PARTS_MAX
    decoded = codec.decode(raw, max_bytes=SNAPSHOT_MANIFEST_BYTES, max_items=items, max_depth=3)
    version, number, block_id, rows, peaks = codec.array(decoded, _MANIFEST_FIELDS)
    if version != MANIFEST_VERSION:
        raise DecodeError(f"snapshot version {version!r}")
    height = codec.uint(number)
    parts = tuple(_part(row) for row in codec.sequence(rows, SNAPSHOT_PARTS_MAX))
    return Manifest(height, hash32(block_id), parts, HeaderMmr(height + 1, _hashes(peaks)))


def manifest_hash(raw: bytes) -> Hash32:
    """The name by which parts are asked for."""
    return derive_hash(_HASH_DOMAIN, raw)


def encode_part(entries: Sequence[Entry]) -> bytes:
    """The records of a subtree, in the order of their key hashes."""
    return codec.encode([each for _, key, value in entries for each in (key, value)])


@dataclass(frozen=True, slots=True)
class PartRecords:
    """A part that is the one its root commits to."""

    records: dict[bytes, bytes]
    subtree: Subtree


def read_part(raw: bytes, part: Part, prefix: int) -> PartRecords:
    """The records of a part, exactly those that its root commits to; DecodeError otherwise."""
    if len(raw) != part.size_bytes:
        raise DecodeError(f"a part of {len(raw)} bytes where {part.size_bytes} were promised")
    decoded = codec.decode(
        raw, max_bytes=SNAPSHOT_PART_BYTES, max_items=2 * SNAPSHOT_PART_RECORDS, max_depth=1
    )
    if len(decoded) != 2 * part.records:
        raise DecodeError(f"{len(decoded)} fields where {part.records} records were promised")
    keys = [codec.bounded(key, STATE_KEY_MAX_BYTES) for key in decoded[::2]]
    values = [codec.bounded(value, STATE_RECORD_MAX_BYTES) for value in decoded[1::2]]
    places = [key_hash(key) for key in keys]
    if not all(map(lt, places, places[1:])):
        raise DecodeError("records out of order")
    if not all(has_prefix(place, prefix, part.depth) for place in (*places[:1], *places[-1:])):
        raise DecodeError("a record of another part")
    subtree = Subtree.build(places, values, part.depth)
    if subtree.root != part.root:
        raise DecodeError("other records than the part's root commits to")
    return PartRecords(dict(zip(keys, values, strict=True)), subtree)


def entry_bytes(key: bytes, value: bytes) -> int:
    """What one record takes in a part."""
    return item_bytes(len(key)) + item_bytes(len(value))


def is_one_part(records: int, size_bytes: int) -> bool:
    """Whether so many records, which take so much together, are not cut any further."""
    fits = size_bytes + _ARRAY_HEAD_BYTES <= SNAPSHOT_PART_BYTES
    return fits and records <= SNAPSHOT_PART_RECORDS


def cut(entries: Sequence[Entry], depth: int) -> Iterator[tuple[int, Sequence[Entry]]]:
    """The largest subtrees that are one part each, left to right, with their depths.

    The entries are all those of a subtree at `depth`, ascending.
    """
    size = sum(entry_bytes(key, value) for _, key, value in entries)
    if is_one_part(len(entries), size):
        yield depth, entries
        return
    bit = TREE_DEPTH - 1 - depth
    middle, end = 0, len(entries)
    while middle < end:
        probe = (middle + end) >> 1
        if int.from_bytes(entries[probe][0], "big") >> bit & 1:
            end = probe
        else:
            middle = probe + 1
    yield from cut(entries[:middle], depth + 1)
    yield from cut(entries[middle:], depth + 1)


def _part(row: codec.Value) -> Part:
    depth, records, size, root = codec.array(row, _PART_FIELDS)
    part = Part(codec.uint(depth, 16), codec.uint(records, 32), codec.uint(size, 32), hash32(root))
    if part.depth > TREE_DEPTH or not is_one_part(
        part.records, part.size_bytes - _ARRAY_HEAD_BYTES
    ):
        raise DecodeError(f"a part of {part.records} records")
    return part


def _hashes(value: codec.Value) -> tuple[Hash32, ...]:
    joined = codec.bounded(value, HASH_BYTES * MMR_PEAKS_MAX)
    if len(joined) % HASH_BYTES:
        raise DecodeError("a list of hashes that is not a multiple of 32 bytes")
    starts = range(0, len(joined), HASH_BYTES)
    return tuple(hash32(joined[start : start + HASH_BYTES]) for start in starts)
