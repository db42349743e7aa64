"""Heights and epochs."""

import pytest

from genesis.epochs import (
    epoch_after,
    epoch_of_height,
    first_height,
    last_decided_epoch,
    last_height,
)


@pytest.mark.parametrize(("height", "epoch"), [(1, 0), (256, 0), (257, 1), (512, 1), (513, 2)])
def test_the_epoch_of_a_height(height: int, epoch: int) -> None:
    assert epoch_of_height(height, 256) == epoch
    assert first_height(epoch, 256) <= height <= last_height(epoch, 256)


def test_block_0_is_of_the_first_epoch() -> None:
    assert epoch_of_height(0, 256) == 0
    assert first_height(0, 256) == 1


@pytest.mark.parametrize(
    ("height", "epoch"), [(0, 0), (1, 0), (255, 0), (256, 1), (257, 1), (512, 2)]
)
def test_the_last_block_of_an_epoch_is_followed_by_the_next_one(height: int, epoch: int) -> None:
    assert epoch_after(height, 256) == epoch
    assert first_height(epoch, 256) <= height + 1 <= last_height(epoch, 256)
    assert last_decided_epoch(height, 256) == epoch + 1
