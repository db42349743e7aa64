"""The state tree against a slow twin, and its proofs of presence and absence."""

import random
from dataclasses import replace

import pytest

from native import codec
from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32, blake3_256, derive_hash, keyed_hash
from vm.commitment import StateProof, StateTree, verify_proof

KEY = derive_hash("aichain/state/key/v1", b"")
LEAF = derive_hash("aichain/state/leaf/v1", b"")
NODE = derive_hash("aichain/state/node/v1", b"")


def slow_root(records: dict[bytes, bytes]) -> Hash32:
    """The definition: the root of a set, by recursion over the bits of the hashed keys."""
    leaves = {keyed_hash(KEY, key): blake3_256(value) for key, value in records.items()}

    def subtree(keys: list[Hash32], depth: int) -> Hash32:
        if not keys:
            return ZERO_HASH
        if len(keys) == 1:
            return keyed_hash(LEAF, keys[0] + leaves[keys[0]])
        sides: tuple[list[Hash32], list[Hash32]] = [], []
        for key in keys:
            sides[key[depth // 8] >> (7 - depth % 8) & 1].append(key)
        return keyed_hash(NODE, subtree(sides[0], depth + 1) + subtree(sides[1], depth + 1))

    return subtree(sorted(leaves), 0)


def make_records(count: int, seed: int = 0) -> dict[bytes, bytes]:
    rng = random.Random(seed)
    return {rng.randbytes(21): rng.randbytes(rng.randrange(1, 90)) for _ in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 64, 300])
def test_the_root_is_the_definitions(count: int) -> None:
    records = make_records(count)
    assert StateTree.build(records.items()).root == slow_root(records)


def test_an_update_is_the_tree_of_the_new_set_and_leaves_the_old_one_alone() -> None:
    rng = random.Random(5)
    records: dict[bytes, bytes] = {}
    tree = StateTree()
    for step in range(60):
        fresh = make_records(rng.randrange(12), seed=step)
        changes: dict[bytes, bytes | None] = dict(fresh)
        for key in rng.sample(sorted(records), min(len(records), rng.randrange(10))):
            changes[key] = None if rng.random() < 0.7 else rng.randbytes(9)
        for key in make_records(3, seed=10_000 + step):
            changes[key] = None
        before, root_before = tree, tree.root
        tree = tree.update(changes)
        for key, value in changes.items():
            if value is None:
                records.pop(key, None)
            else:
                records[key] = value
        assert tree.root == slow_root(records)
        assert before.root == root_before


def test_removing_everything_leaves_the_empty_tree() -> None:
    records = make_records(50)
    tree = StateTree.build(records.items()).update(dict.fromkeys(records))
    assert tree.root == ZERO_HASH
    assert tree.node is None


def test_writing_the_same_value_or_removing_nothing_shares_the_whole_tree() -> None:
    records = make_records(50)
    tree = StateTree.build(records.items())
    assert tree.update(records) is tree
    assert tree.update(dict.fromkeys(make_records(9, seed=9))) is tree
    assert tree.update({}) is tree


def test_every_key_has_a_proof_of_presence_and_of_nothing_else() -> None:
    records = make_records(200)
    tree = StateTree.build(records.items())
    for key, value in records.items():
        proof = tree.prove(key)
        assert verify_proof(tree.root, key, value, proof)
        assert not verify_proof(tree.root, key, value + b"\x00", proof)
        assert not verify_proof(tree.root, key, None, proof)
        assert not verify_proof(ZERO_HASH, key, value, proof)


def test_every_missing_key_has_a_proof_of_absence() -> None:
    records = make_records(200)
    tree = StateTree.build(records.items())
    endings = set()
    for key in make_records(300, seed=1):
        proof = tree.prove(key)
        endings.add(proof.other is None)
        assert verify_proof(tree.root, key, None, proof)
        assert not verify_proof(tree.root, key, b"value", proof)
    assert endings == {True, False}, "absence ends in an empty subtree and at another leaf"


def test_absence_in_the_empty_tree_and_beside_a_single_leaf() -> None:
    assert verify_proof(ZERO_HASH, b"key", None, StateTree().prove(b"key"))
    tree = StateTree.build([(b"one", b"1")])
    assert verify_proof(tree.root, b"two", None, tree.prove(b"two"))
    assert not verify_proof(tree.root, b"one", None, tree.prove(b"one"))


def test_a_proof_of_absence_cannot_borrow_a_leaf_from_elsewhere() -> None:
    records = make_records(200)
    tree = StateTree.build(records.items())
    for victim in records:
        path = tree.prove(victim)
        for key in list(make_records(20, seed=2)):
            stranger = tree.prove(key)
            if stranger.other is not None:
                forged = replace(path, other=stranger.other)
                assert not verify_proof(tree.root, victim, None, forged)


def test_altered_proofs_fail_and_never_raise() -> None:
    records = make_records(64)
    tree = StateTree.build(records.items())
    key, value = next(iter(records.items()))
    proof = tree.prove(key)
    for place in range(len(proof.siblings)):
        siblings = list(proof.siblings)
        siblings[place] = Hash32(b"\x01" * 32)
        assert not verify_proof(tree.root, key, value, StateProof(tuple(siblings), None))
    shorter, longer = proof.siblings[:-1], (*proof.siblings, ZERO_HASH)
    assert not verify_proof(tree.root, key, value, StateProof(shorter, None))
    assert not verify_proof(tree.root, key, value, StateProof(longer, None))
    assert not verify_proof(tree.root, key, value, StateProof((ZERO_HASH,) * 257, None))
    other = (Hash32(bytes(32)), Hash32(bytes(32)))
    assert not verify_proof(tree.root, key, value, StateProof(proof.siblings, other))


def test_proofs_survive_encoding() -> None:
    records = make_records(200)
    tree = StateTree.build(records.items())
    for key in [*records, *make_records(100, seed=1)]:
        proof = tree.prove(key)
        assert StateProof.decode(proof.encode()) == proof


def test_damaged_proofs_are_refused() -> None:
    raw = StateTree.build(make_records(64).items()).prove(b"missing").encode()
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            StateProof.decode(raw[:size])
    with pytest.raises(DecodeError):
        StateProof.decode(bytes(10_000))


@pytest.mark.parametrize(
    "fields",
    [
        [1, b"\x80", bytes(32), b""],
        [1, b"\x40", b"", b""],
        [1, b"\x80", b"\x01" * 33, b""],
        [1, b"\x80", b"\x01" * 64, b""],
        [1, b"\x80", b"", b""],
        [0, b"", b"", b"\x01" * 33],
        [257, bytes(33), b"", b""],
        [9, b"\x00", b"", b""],
    ],
    ids=["empty", "spare bit", "odd", "left over", "missing", "half a leaf", "deep", "bitmap"],
)
def test_a_proof_has_one_encoding(fields: codec.Encodable) -> None:
    with pytest.raises(DecodeError):
        StateProof.decode(codec.encode(fields))


def test_neighbours_far_down_the_tree_share_a_long_path() -> None:
    records = {b"%d" % number: b"v" for number in range(5_000)}
    tree = StateTree.build(records.items())
    paths = {key: len(tree.prove(key).siblings) for key in records}
    deepest = max(paths, key=paths.__getitem__)
    assert 13 < paths[deepest] < 64
    assert tree.root == slow_root(records)
    without = tree.update({deepest: None})
    del records[deepest]
    assert without.root == slow_root(records)
    assert max(len(without.prove(key).siblings) for key in records) <= paths[deepest]
