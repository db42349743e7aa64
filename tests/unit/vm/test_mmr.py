"""The header range: peaks, roots and proofs at every size."""

from dataclasses import replace

import pytest

from native.errors import DecodeError
from native.hashing import ZERO_HASH, Hash32, derive_hash
from vm.mmr import HeaderMmr, MmrProof, prove_ancestor, prove_stored, verify_ancestor

IDS = [derive_hash("aichain/test/id/v1", bytes([number])) for number in range(40)]


def make_range(count: int) -> HeaderMmr:
    mmr = HeaderMmr()
    for block_id in IDS[:count]:
        mmr = mmr.append(block_id)
    return mmr


def test_the_empty_range_is_zero_and_every_root_differs() -> None:
    assert HeaderMmr().root == ZERO_HASH
    assert len({make_range(count).root for count in range(40)}) == 40


@pytest.mark.parametrize("count", range(1, 36))
def test_every_block_has_a_proof_at_its_height_only(count: int) -> None:
    root = make_range(count).root
    for index in range(count):
        proof = prove_ancestor(IDS[:count], index)
        assert verify_ancestor(root, IDS[index], proof)
        assert not verify_ancestor(root, IDS[(index + 1) % 40], proof)
        assert not verify_ancestor(root, IDS[index], replace(proof, index=(index + 1) % 40))
        assert MmrProof.decode(proof.encode()) == proof


def test_appending_leaves_the_older_range_alone() -> None:
    older = make_range(7)
    root = older.root
    assert older.append(IDS[7]).count == 8
    assert older.root == root


def test_a_proof_of_another_size_fails() -> None:
    proof = prove_ancestor(IDS[:20], 3)
    assert not verify_ancestor(make_range(21).root, IDS[3], proof)
    assert not verify_ancestor(make_range(20).root, IDS[3], replace(proof, count=21))
    assert not verify_ancestor(make_range(20).root, IDS[3], replace(proof, count=0))
    assert not verify_ancestor(make_range(20).root, IDS[3], replace(proof, siblings=()))
    assert not verify_ancestor(make_range(20).root, IDS[3], replace(proof, other_peaks=()))


def test_a_peak_is_not_a_leaf() -> None:
    """A node must not pass for a block id one level higher."""
    mmr = make_range(2)
    forged = MmrProof(1, 0, (), ())
    assert not verify_ancestor(mmr.root, mmr.peaks[0], forged)


def test_a_range_has_one_peak_for_each_bit() -> None:
    for count, peaks in ((1, ()), (3, (IDS[0],)), (0, (IDS[0],)), (1 << 64, (IDS[0],))):
        with pytest.raises(DecodeError):
            HeaderMmr(count, peaks)


def test_proofs_of_odd_lengths_are_refused() -> None:
    for raw in (b"", b"\x94\x01\x00\xc4\x01\x00\xc4\x00", b"\x93\x01\x00\xc4\x00"):
        with pytest.raises(DecodeError):
            MmrProof.decode(raw)


def test_hashes_are_32_bytes_each() -> None:
    assert all(type(peak) is bytes and len(peak) == 32 for peak in make_range(39).peaks)
    assert Hash32(make_range(39).root) == make_range(39).root


def stored_nodes(count: int) -> dict[tuple[int, int], Hash32]:
    """What a store keeps of a range: the trees that each block completed."""
    mmr, nodes = HeaderMmr(), dict[tuple[int, int], Hash32]()
    for number, block_id in enumerate(IDS[:count]):
        for level, node in enumerate(mmr.completed(block_id)):
            nodes[level, number >> level] = node
        mmr = mmr.append(block_id)
    return nodes


def test_proofs_from_stored_nodes_are_those_from_all_ids_at_every_older_size_too() -> None:
    nodes = stored_nodes(36)
    for count in range(1, 37):
        for index in range(count):
            proof = prove_stored(lambda *at: nodes.get(at), count, index)
            assert proof == prove_ancestor(IDS[:count], index)


def test_the_peaks_are_enough_to_prove_what_comes_later() -> None:
    """What a node holds that began with a snapshot of 21 blocks."""
    nodes = {(level, number): peak for level, number, peak in make_range(21).trees()}
    assert nodes.items() <= stored_nodes(40).items()
    mmr = make_range(21)
    for number in range(21, 40):
        for level, node in enumerate(mmr.completed(IDS[number])):
            nodes[level, number >> level] = node
        mmr = mmr.append(IDS[number])
    for index in range(21, 40):
        proof = prove_stored(lambda *at: nodes.get(at), 40, index)
        assert proof is not None
        assert verify_ancestor(mmr.root, IDS[index], proof)
    assert prove_stored(lambda *at: nodes.get(at), 40, 3) is None
