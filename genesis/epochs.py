"""Heights and epochs: which epoch decides a height, and where an epoch begins and ends."""


def epoch_of_height(height: int, epoch_blocks: int) -> int:
    """Epoch e holds the heights e*n+1 to (e+1)*n; block 0, which nobody decides, is of epoch 0."""
    return max(0, height - 1) // epoch_blocks


def epoch_after(height: int, epoch_blocks: int) -> int:
    """The epoch that decides the next height."""
    return epoch_of_height(height + 1, epoch_blocks)


def last_decided_epoch(height: int, epoch_blocks: int) -> int:
    """The last epoch of which a chain of this height knows who votes: the one after the next
    block's, for the last block of an epoch decides the second one after."""
    return epoch_after(height, epoch_blocks) + 1


def first_height(epoch: int, epoch_blocks: int) -> int:
    """The first height of an epoch."""
    return epoch * epoch_blocks + 1


def last_height(epoch: int, epoch_blocks: int) -> int:
    """The last height of an epoch. It is final before anything is built on it, and decides the
    set and the seed of the second epoch after."""
    return (epoch + 1) * epoch_blocks
