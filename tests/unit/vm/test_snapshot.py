"""A state in parts: cut the same by all, put together to the same root, and no other part fits."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from genesis import limits
from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32
from vm import snapshot
from vm.commitment import StateTree, Subtree, key_hash, root_of_subtrees
from vm.mmr import HeaderMmr
from vm.snapshot import (
    Entry,
    Manifest,
    Part,
    cut,
    decode_manifest,
    encode_part,
    manifest_hash,
    read_part,
)

BLOCK = Hash32(b"\x42" * 32)


def make_records(count: int, seed: int = 1) -> dict[bytes, bytes]:
    rng = Random(seed)
    return {rng.randbytes(21): rng.randbytes(rng.randrange(1, 60)) for _ in range(count)}


def entries_of(records: dict[bytes, bytes]) -> list[Entry]:
    return sorted((key_hash(key), key, value) for key, value in records.items())


def root_of(entries: Sequence[Entry], depth: int) -> Hash32:
    places = [place for place, _, _ in entries]
    return Subtree.build(places, [value for _, _, value in entries], depth).root


def make_snapshot(records: dict[bytes, bytes]) -> tuple[Manifest, list[bytes]]:
    parts, raws = [], []
    for depth, entries in cut(entries_of(records), 0):
        raws.append(encode_part(entries))
        root = root_of(entries, depth)
        parts.append(Part(depth, len(entries), len(raws[-1]), root))
    mmr = HeaderMmr().append(BLOCK).append(BLOCK)
    return Manifest(1, BLOCK, tuple(parts), mmr), raws


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_PART_BYTES", 400)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 60, 500])
@pytest.mark.usefixtures("small_parts")
def test_the_parts_fold_to_the_root_of_the_state_and_hold_all_of_it(count: int) -> None:
    records = make_records(count)
    manifest, raws = make_snapshot(records)
    assert manifest.state_root == StateTree.build(records.items()).root
    assert manifest.records == count
    assert manifest.size_bytes == sum(map(len, raws))
    found: dict[bytes, bytes] = {}
    trees = list[tuple[int, Subtree]]()
    for raw, part, prefix in zip(raws, manifest.parts, manifest.prefixes(), strict=True):
        assert len(raw) <= 400
        read = read_part(raw, part, prefix)
        found |= read.records
        trees.append((part.depth, read.subtree))
    assert found == records
    assert StateTree.of_subtrees(trees) == StateTree.build(records.items())
    assert StateTree.of_subtrees(trees[:-1]) is None


@pytest.mark.usefixtures("small_parts")
def test_the_tree_in_memory_knows_the_root_of_every_part() -> None:
    records = make_records(200)
    tree = StateTree.build(records.items())
    manifest, _ = make_snapshot(records)
    assert len(manifest.parts) > 16
    for part, prefix in zip(manifest.parts, manifest.prefixes(), strict=True):
        assert tree.subtree_root(prefix, part.depth) == part.root


def test_a_subtree_of_one_leaf_is_that_leaf_and_beside_it_there_is_nothing() -> None:
    tree = StateTree.build([(b"key", b"value")])
    first = key_hash(b"key")[0] >> 7
    assert tree.subtree_root(first, 1) == tree.root
    assert tree.subtree_root(1 - first, 1) == ZERO_HASH


@pytest.mark.usefixtures("small_parts")
def test_no_part_could_be_cut_less() -> None:
    manifest, raws = make_snapshot(make_records(300))
    sizes = {}
    for part, prefix, raw in zip(manifest.parts, manifest.prefixes(), raws, strict=True):
        sizes[part.depth, prefix] = len(raw)
    for (depth, prefix), size in sizes.items():
        sibling = sizes.get((depth, prefix ^ 1))
        assert sibling is None or size + sibling > 400


def test_a_part_has_only_so_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_PART_RECORDS", 10)
    manifest, _ = make_snapshot(make_records(100))
    assert max(part.records for part in manifest.parts) <= 10


@pytest.mark.usefixtures("small_parts")
def test_a_manifest_survives_its_bytes_and_is_named_by_them() -> None:
    manifest, _ = make_snapshot(make_records(100))
    raw = manifest.encode()
    assert decode_manifest(raw) == manifest
    assert manifest_hash(raw) != manifest_hash(replace(manifest, block_id=ZERO_HASH).encode())


def test_another_part_is_refused_by_what_it_breaks() -> None:
    records = make_records(20)
    manifest, [raw] = make_snapshot(records)
    [part] = manifest.parts
    entries = entries_of(records)
    other = (*entries[:-1], (*entries[-1][:2], entries[-1][2][:-1] + b"x"))
    swapped = (entries[1], entries[0], *entries[2:])
    with pytest.raises(DecodeError, match="were promised"):
        read_part(raw[:-1], part, 0)
    with pytest.raises(DecodeError, match="records were promised"):
        read_part(
            encode_part(entries[1:]), replace(part, size_bytes=len(encode_part(entries[1:]))), 0
        )
    for changed in (other, swapped):
        encoded = encode_part(changed)
        with pytest.raises(DecodeError, match=r"other records|out of order"):
            read_part(encoded, replace(part, size_bytes=len(encoded)), 0)
    with pytest.raises(DecodeError, match="another part"):
        read_part(raw, replace(part, depth=1), 0)


@pytest.mark.parametrize("depths", [[1], [1, 1, 1], [2, 1, 2], [0, 0], [], [2, 2, 2]])
def test_subtrees_that_do_not_tile_the_tree_have_no_root(depths: list[int]) -> None:
    assert root_of_subtrees((depth, 0, ZERO_HASH) for depth in depths) is None


def test_a_false_number_of_records_leads_to_another_root() -> None:
    leaf = root_of([(key_hash(b"a"), b"a", b"1")], 0)
    true = root_of_subtrees([(1, 1, leaf), (1, 0, ZERO_HASH)])
    assert true == leaf
    assert root_of_subtrees([(1, 2, leaf), (1, 0, ZERO_HASH)]) != true
    assert root_of_subtrees([(1, 0, leaf), (1, 0, ZERO_HASH)]) is None


def test_manifests_out_of_bounds_are_refused() -> None:
    part: codec.Encodable = [0, 1, 100, BLOCK]
    peaks = BLOCK
    good: list[codec.Encodable] = [1, 1, BLOCK, [part], peaks]
    assert decode_manifest(codec.encode(good)).height == 1
    wrongs: list[tuple[int, codec.Encodable]] = [
        (0, 2),
        (2, b"short"),
        (3, []),
        (3, [[0, limits.SNAPSHOT_PART_RECORDS + 1, 100, BLOCK]]),
        (3, [[0, 1, limits.SNAPSHOT_PART_BYTES + 1, BLOCK]]),
        (3, [[257, 1, 100, BLOCK]]),
        (3, [[1, 1, 100, BLOCK]]),
        (4, b""),
        (4, BLOCK + b"x"),
    ]
    for at, wrong in wrongs:
        fields = list(good)
        fields[at] = wrong
        with pytest.raises(DecodeError):
            decode_manifest(codec.encode(fields))
