"""The one bridge from the ledger to the core."""

from consensus.headers import block_ref
from genesis.networks import packaged_document
from vm.genesis_block import genesis_state


def test_a_block_ref_is_the_place_of_a_header() -> None:
    header = genesis_state(packaged_document("devnet")).head
    ref = block_ref(header)
    assert (ref.id, ref.height, ref.view, ref.epoch) == (header.id, 0, header.view, header.epoch)
    assert (ref.parent_id, ref.parent_view) == (header.parent_id, header.parent_view)
    assert ref.timestamp_ms == header.timestamp_ms
    assert ref.proposer_index == header.proposer_index
