"""Blocks of the largest size travel; what the simulator calls oversized does not."""

from genesis.params import FeeParams
from tests.simulation.body_sizes import OVERSIZED_BYTES, is_taken


def test_the_codec_takes_the_largest_block_and_no_oversized_one() -> None:
    assert is_taken(FeeParams().max_block_bytes)
    assert not is_taken(OVERSIZED_BYTES)
