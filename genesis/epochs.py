"""Heights and epochs: which epoch decides a height, and where an epoch begins and ends."""


def epoch_of_height(height: int, epoch_blocks: int) -> int:
    """Epoch e holds the heights e*n+1 to (e+1)*n; block 0, which nobody decides, is of epoch 0."""
    return max(0, height - 1) // epoch_blocks


def first_height(epoch: int, epoch_blocks: int) -> int:
    """The first height of an epoch."""
    return epoch * epoch_blocks + 1


def last_height(epoch: int, epoch_blocks: int) -> int:
    """The last height of an epoch. It is final before anything is built on it, and decides the
    set and the seed of the second epoch after."""
    return (epoch + 1) * epoch_blocks
