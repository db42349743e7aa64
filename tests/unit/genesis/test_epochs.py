"""Heights and epochs."""

import pytest

from genesis.epochs import epoch_of_height, first_height, last_height


@pytest.mark.parametrize(("height", "epoch"), [(1, 0), (256, 0), (257, 1), (512, 1), (513, 2)])
def test_the_epoch_of_a_height(height: int, epoch: int) -> None:
    assert epoch_of_height(height, 256) == epoch
    assert first_height(epoch, 256) <= height <= last_height(epoch, 256)


def test_block_0_is_of_the_first_epoch() -> None:
    assert epoch_of_height(0, 256) == 0
    assert first_height(0, 256) == 1
