"""Merkle trees over arbitrary leaves, beside a recursive definition."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from native.hashing import Hash32, derive_hash, keyed_hash
from native.merkle import MerkleProof, merkle_root, prove_leaf, verify_leaf

leaf_lists = st.lists(st.binary(max_size=40), min_size=1, max_size=40)

LEAF = derive_hash("aichain/merkle/leaf/v1", b"")
NODE = derive_hash("aichain/merkle/node/v1", b"")
ROOT = derive_hash("aichain/merkle/root/v1", b"")


def top(leaves: list[bytes]) -> Any:
    """The tree from above: the left side holds the largest power of two below the count."""
    if len(leaves) == 1:
        return keyed_hash(LEAF, leaves[0])
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return keyed_hash(NODE, top(leaves[:left]) + top(leaves[left:]))


@given(leaf_lists)
def test_promotion_from_below_is_the_split_from_above(leaves: list[bytes]) -> None:
    expected = keyed_hash(ROOT, len(leaves).to_bytes(8, "big") + top(leaves))
    assert merkle_root(leaves) == expected


@given(leaf_lists, st.data())
def test_a_proof_shows_its_leaf_at_its_place_and_nothing_else(
    leaves: list[bytes], data: Any
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = prove_leaf(leaves, index), merkle_root(leaves)
    assert verify_leaf(root, leaves[index], proof)
    place = data.draw(st.integers(-1, 50))
    assert verify_leaf(root, leaves[index], replace(proof, index=place)) == (
        place == index
        or (0 <= place < len(leaves) and prove_leaf(leaves, place).siblings == proof.siblings)
    )
    count = data.draw(st.integers(-1, 50))
    assert verify_leaf(root, leaves[index], replace(proof, count=count)) == (count == len(leaves))


@given(leaf_lists, leaf_lists)
def test_different_lists_have_different_roots(first: Any, second: Any) -> None:
    assert (merkle_root(first) == merkle_root(second)) == (first == second)


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=8),
    st.integers(-5, 2**70),
    st.integers(-5, 2**70),
    st.lists(st.binary(max_size=40), max_size=70),
)
def test_a_made_up_proof_is_false_and_never_raises(
    root: Any, leaf: Any, index: int, count: int, siblings: Any
) -> None:
    proof = MerkleProof(index, count, tuple(map(Hash32, siblings)))
    assert not verify_leaf(Hash32(root), leaf, proof)
