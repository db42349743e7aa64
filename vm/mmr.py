"""The Merkle mountain range over all headers: one verified block leads to every older one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from genesis.limits import MMR_PEAKS_MAX, MMR_PROOF_MAX_BYTES
from native import codec
from native.errors import DecodeError
from native.hashing import HASH_BYTES, ZERO_HASH, Hash32, derive_hash, hash32, keyed_hash

_LEAF_DOMAIN = derive_hash("aichain/mmr/leaf/v1", b"")
_NODE_DOMAIN = derive_hash("aichain/mmr/node/v1", b"")
_ROOT_DOMAIN = derive_hash("aichain/mmr/root/v1", b"")

NodeReader: TypeAlias = Callable[[int, int], Hash32 | None]
"""The root of the perfect tree number `index` over 2^level leaves each, if it is kept."""


@dataclass(frozen=True, slots=True)
class HeaderMmr:
    """The peaks of `count` block ids: one perfect tree for each set bit of count, largest first."""

    count: int = 0
    peaks: tuple[Hash32, ...] = ()

    def __post_init__(self) -> None:
        if self.count >> MMR_PEAKS_MAX or self.count.bit_count() != len(self.peaks):
            raise DecodeError("an MMR has one peak for each set bit of its count")

    def append(self, block_id: Hash32) -> "HeaderMmr":
        """The range with one more block: amortised two hashes."""
        completed = self.completed(block_id)
        kept = len(self.peaks) + 1 - len(completed)
        return HeaderMmr(self.count + 1, (*self.peaks[:kept], completed[-1]))

    def completed(self, block_id: Hash32) -> tuple[Hash32, ...]:
        """The perfect trees that one more block completes, by level, its own leaf first.

        That of level l ends with this block: its number is `count >> l`. Whoever keeps them all
        can prove any block with `prove_stored`.
        """
        nodes, carry = [keyed_hash(_LEAF_DOMAIN, block_id)], self.count
        while carry & 1:
            nodes.append(keyed_hash(_NODE_DOMAIN, self.peaks[-len(nodes)] + nodes[-1]))
            carry >>= 1
        return tuple(nodes)

    def trees(self) -> tuple[tuple[int, int, Hash32], ...]:
        """Level, number and root of the perfect tree under each peak."""
        start, trees = 0, []
        for height, peak in zip(_mountains(self.count), self.peaks, strict=True):
            trees.append((height, start >> height, peak))
            start += 1 << height
        return tuple(trees)

    @property
    def root(self) -> Hash32:
        """Binds the count and every peak; ZERO_HASH when there is no block."""
        return _root(self.count, self.peaks)


@dataclass(frozen=True, slots=True)
class MmrProof:
    """That a block id is leaf `index` of `count`: its path inside a peak, and the other peaks."""

    count: int
    index: int
    siblings: tuple[Hash32, ...]
    other_peaks: tuple[Hash32, ...]

    def encode(self) -> bytes:
        siblings, peaks = b"".join(self.siblings), b"".join(self.other_peaks)
        return codec.encode([self.count, self.index, siblings, peaks])

    @staticmethod
    def decode(raw: bytes) -> "MmrProof":
        fields = codec.decode(raw, max_bytes=MMR_PROOF_MAX_BYTES, max_items=4, max_depth=1)
        count, index, siblings, peaks = codec.array(fields, 4)
        return MmrProof(codec.uint(count), codec.uint(index), _hashes(siblings), _hashes(peaks))


def prove_ancestor(block_ids: Sequence[Hash32], index: int) -> MmrProof:
    """The proof of block_ids[index] against the range of exactly these blocks."""
    count = len(block_ids)
    assert 0 <= index < count, "the block to prove is one of the blocks"
    position, _, offset = _locate(count, index)
    siblings: tuple[Hash32, ...] = ()
    others: list[Hash32] = []
    start = 0
    for place, height in enumerate(_mountains(count)):
        end = start + (1 << height)
        layer = [keyed_hash(_LEAF_DOMAIN, block_id) for block_id in block_ids[start:end]]
        if place == position:
            siblings = _climb(layer, offset)
        else:
            others.append(_peak(layer))
        start = end
    return MmrProof(count, index, siblings, tuple(others))


def prove_stored(node: NodeReader, count: int, index: int) -> MmrProof | None:
    """The same proof from nodes that were kept; None where one of them is not."""
    assert 0 <= index < count, "the block to prove is one of the blocks"
    position, height, _ = _locate(count, index)
    siblings = [node(level, (index >> level) ^ 1) for level in range(height)]
    others, start = [], 0
    for place, mountain in enumerate(_mountains(count)):
        if place != position:
            others.append(node(mountain, start >> mountain))
        start += 1 << mountain
    found = [each for each in (*siblings, *others) if each is not None]
    if len(found) < len(siblings) + len(others):
        return None
    return MmrProof(count, index, tuple(found[:height]), tuple(found[height:]))


def verify_ancestor(root: bytes, block_id: bytes, proof: MmrProof) -> bool:
    """Whether `block_id` is the block at height `proof.index` below `root`. Never raises."""
    if not 0 <= proof.index < proof.count < 1 << MMR_PEAKS_MAX:
        return False
    position, height, offset = _locate(proof.count, proof.index)
    if len(proof.siblings) != height or len(proof.other_peaks) != proof.count.bit_count() - 1:
        return False
    node = keyed_hash(_LEAF_DOMAIN, block_id)
    for sibling in proof.siblings:
        node = keyed_hash(_NODE_DOMAIN, sibling + node if offset & 1 else node + sibling)
        offset >>= 1
    peaks = (*proof.other_peaks[:position], node, *proof.other_peaks[position:])
    return _root(proof.count, peaks) == root


def _root(count: int, peaks: Sequence[Hash32]) -> Hash32:
    if count == 0:
        return ZERO_HASH
    return keyed_hash(_ROOT_DOMAIN, count.to_bytes(8, "big") + b"".join(peaks))


def _mountains(count: int) -> list[int]:
    """The heights of the perfect trees, largest first."""
    return [bit for bit in range(count.bit_length() - 1, -1, -1) if count >> bit & 1]


def _locate(count: int, index: int) -> tuple[int, int, int]:
    """Which mountain a leaf is in, how high that is, and the leaf's place in it."""
    offset = index
    for position, height in enumerate(_mountains(count)):
        if offset >> height == 0:
            return position, height, offset
        offset -= 1 << height
    raise AssertionError("the index is below the count")


def _peak(layer: list[Hash32]) -> Hash32:
    while len(layer) > 1:
        layer = _parents(layer)
    return layer[0]


def _climb(layer: list[Hash32], index: int) -> tuple[Hash32, ...]:
    siblings = []
    while len(layer) > 1:
        siblings.append(layer[index ^ 1])
        layer, index = _parents(layer), index >> 1
    return tuple(siblings)


def _parents(layer: list[Hash32]) -> list[Hash32]:
    pairs = zip(layer[::2], layer[1::2], strict=True)
    return [keyed_hash(_NODE_DOMAIN, left + right) for left, right in pairs]


def _hashes(value: codec.Value) -> tuple[Hash32, ...]:
    joined = codec.bounded(value, HASH_BYTES * MMR_PEAKS_MAX)
    if len(joined) % HASH_BYTES:
        raise DecodeError("a list of hashes that is not a multiple of 32 bytes")
    starts = range(0, len(joined), HASH_BYTES)
    return tuple(hash32(joined[start : start + HASH_BYTES]) for start in starts)
