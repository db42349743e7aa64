"""Merkle root and proofs: golden roots, shape, and proofs that must fail."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from native.hashing import ZERO_HASH, Hash32
from native.merkle import MerkleProof, merkle_root, prove_leaf, verify_leaf

GOLDEN = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())
COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 100]


def leaves_of(count: int) -> Any:
    return [index.to_bytes(4, "big") for index in range(count)]


@pytest.mark.parametrize(("count", "root"), GOLDEN["roots"].items())
def test_golden_roots_never_move(count: int, root: Any) -> None:
    assert merkle_root(leaves_of(int(count))).hex() == root


def test_no_leaves_have_the_zero_root() -> None:
    assert merkle_root([]) == ZERO_HASH


@pytest.mark.parametrize("count", COUNTS)
def test_every_leaf_has_a_proof_and_only_at_its_place(count: int) -> None:
    leaves = leaves_of(count)
    root = merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        proof = prove_leaf(leaves, index)
        assert verify_leaf(root, leaf, proof)
        assert not verify_leaf(root, b"another", proof)
        assert not verify_leaf(root, leaf, replace(proof, index=(index + 1) % (count + 1)))


def test_repeating_the_last_leaf_changes_the_root() -> None:
    """CVE-2012-2459: with duplicated odd nodes these pairs collide."""
    for count in (1, 3, 5, 6, 7):
        leaves = leaves_of(count)
        assert merkle_root(leaves) != merkle_root([*leaves, leaves[-1]])
    six = leaves_of(6)
    assert merkle_root(six) != merkle_root([*six, *six[4:]])


def test_a_node_cannot_pass_for_a_leaf() -> None:
    leaves = leaves_of(4)
    pairs = [merkle_root(leaves[:2]), merkle_root(leaves[2:])]
    assert merkle_root(leaves) != merkle_root(pairs)


def test_a_proof_cannot_lie_about_the_number_of_leaves() -> None:
    """Of three leaves the last one stands beside one sibling, as the second of two would."""
    leaves = leaves_of(3)
    root, honest = merkle_root(leaves), prove_leaf(leaves, 2)
    assert verify_leaf(root, leaves[2], honest)
    assert not verify_leaf(root, leaves[2], MerkleProof(1, 2, honest.siblings))


def test_broken_proofs_are_false_and_never_raise() -> None:
    leaves = leaves_of(5)
    root, proof = merkle_root(leaves), prove_leaf(leaves, 1)
    extra = (*proof.siblings, ZERO_HASH)
    short = (Hash32(b"short"), *proof.siblings[1:])
    for broken in (
        replace(proof, siblings=proof.siblings[:-1]),
        replace(proof, siblings=extra),
        replace(proof, siblings=short),
        replace(proof, siblings=()),
        replace(proof, index=-1),
        replace(proof, index=5),
        replace(proof, count=0),
        replace(proof, count=1 << 70),
        replace(proof, count=4),
        replace(proof, count=6),
    ):
        assert not verify_leaf(root, leaves[1], broken)


def test_order_matters() -> None:
    assert merkle_root([b"a", b"b"]) != merkle_root([b"b", b"a"])


def test_there_is_no_proof_for_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        prove_leaf(leaves_of(3), 3)
    with pytest.raises(IndexError):
        prove_leaf([], 0)
