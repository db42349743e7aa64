"""The state tree depends on the set of records alone, and proofs agree with the set."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from native.hashing import ZERO_HASH, Hash32, hash32, keyed_hash
from vm import commitment
from vm.commitment import StateProof, StateTree, verify_proof

Changes: TypeAlias = dict[bytes, bytes | None]

KEYS = st.integers(0, 40).map(lambda number: b"key%d" % number)
VALUES = st.sampled_from([b"", b"1", b"2", b"3" * 100])
CHANGES = st.dictionaries(KEYS, st.one_of(st.none(), VALUES), max_size=12)


SHAPES = pytest.mark.parametrize("shape", ["hashed", "shaped"])


@contextmanager
def key_hashes(shape: str) -> Iterator[None]:
    """Hashed keys part early. Shaped ones share up to 250 bits, as an attacker would like."""

    def shaped(domain: Hash32, data: bytes) -> Hash32:
        if domain != commitment._KEY_DOMAIN:
            return keyed_hash(domain, data)
        number = int(data[3:])
        return hash32((number << (number % 5 * 60)).to_bytes(32, "big"))

    def many(domain: Hash32, keys: list[bytes]) -> bytes:
        return b"".join(shaped(domain, key) for key in keys)

    if shape == "hashed":
        yield
        return
    with (
        patch.object(commitment, "keyed_hash", shaped),
        patch.object(commitment, "keyed_hash_many", many),
    ):
        yield


def apply_changes(records: dict[bytes, bytes], changes: Changes) -> None:
    for key, value in changes.items():
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value


@SHAPES
@given(history=st.lists(CHANGES, max_size=12), rng=st.randoms())
def test_the_same_set_has_the_same_root_whatever_its_history(
    shape: str, history: list[Changes], rng: Random
) -> None:
    with key_hashes(shape):
        require_one_root(history, rng)


def require_one_root(history: list[Changes], rng: Random) -> None:
    records: dict[bytes, bytes] = {}
    tree = StateTree()
    for changes in history:
        tree = tree.update(changes)
        apply_changes(records, changes)
    items = list(records.items())
    rng.shuffle(items)
    one_by_one = StateTree()
    for key, value in items:
        one_by_one = one_by_one.update({key: value})
    assert tree.root == StateTree.build(items).root == one_by_one.root
    assert tree.node == one_by_one.node
    emptied = tree.update(dict.fromkeys(records))
    assert emptied.root == ZERO_HASH


@SHAPES
@given(history=st.lists(CHANGES, max_size=6), changes=CHANGES)
def test_an_update_and_its_reverse_restore_the_tree(
    shape: str, history: list[Changes], changes: Changes
) -> None:
    with key_hashes(shape):
        require_reversible(history, changes)


def require_reversible(history: list[Changes], changes: Changes) -> None:
    records: dict[bytes, bytes] = {}
    tree = StateTree()
    for each in history:
        tree = tree.update(each)
        apply_changes(records, each)
    reverse = {key: records.get(key) for key in changes}
    assert tree.update(changes).update(reverse).node == tree.node


@SHAPES
@given(records=CHANGES, key=KEYS, value=VALUES)
def test_a_proof_shows_exactly_what_the_set_holds(
    shape: str, records: Changes, key: bytes, value: bytes
) -> None:
    with key_hashes(shape):
        require_true_proofs(records, key, value)


def require_true_proofs(records: Changes, key: bytes, value: bytes) -> None:
    held = {each: written for each, written in records.items() if written is not None}
    tree = StateTree.build(held.items())
    proof = StateProof.decode(tree.prove(key).encode())
    assert verify_proof(tree.root, key, held.get(key), proof)
    assert verify_proof(tree.root, key, value, proof) == (held.get(key) == value)
    assert verify_proof(tree.root, key, None, proof) == (key not in held)


class TreeMachine(RuleBasedStateMachine):
    """Long histories, with every older tree still what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[bytes, bytes] = {}
        self.tree = StateTree()
        self.older: list[tuple[StateTree, Hash32]] = []

    @rule(changes=CHANGES)
    def write(self, changes: Changes) -> None:
        self.older.append((self.tree, self.tree.root))
        self.tree = self.tree.update(changes)
        apply_changes(self.records, changes)

    @rule()
    def forget_everything(self) -> None:
        self.tree = self.tree.update(dict.fromkeys(self.records))
        self.records = {}

    @invariant()
    def the_root_is_that_of_the_set(self) -> None:
        assert self.tree.root == StateTree.build(self.records.items()).root

    @invariant()
    def older_trees_stand(self) -> None:
        assert all(tree.root == root for tree, root in self.older)


TestTreeMachine = TreeMachine.TestCase
TestTreeMachine.settings = settings(max_examples=30, stateful_step_count=20)
