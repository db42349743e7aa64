"""The kernels by name: how many lanes a block has, and how many blocks do some work."""

from collections.abc import Sequence

from native.gpu.device import Stream

LANES_ALONE = 128
"""In kernels whose lanes work alone, one thing each; others have a block for each thing."""

LANES_TOGETHER = 64
_TOGETHER = ("recover_", "transform_t1_", "sum_stakes")


def lanes_of(kernel: str) -> int:
    """Lanes of one block."""
    return LANES_TOGETHER if kernel.startswith(_TOGETHER) else LANES_ALONE


def launch(stream: Stream, kernel: str, things: int, arguments: Sequence[int]) -> None:
    """Run `kernel` on so many things."""
    if things:
        lanes = lanes_of(kernel)
        blocks = things if kernel.startswith(_TOGETHER) else -(-things // lanes)
        stream.launch(kernel, blocks, lanes, arguments)
