"""A GPU that is none: its kernels run on this processor, lane by lane, for tests.

Streams do nothing until somebody waits for them, and a copy reads its source only then: what the
host overwrites too early, or a stream does without waiting for another, comes out wrong.
"""

import ctypes
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from native.gpu.device import DeviceFailed, Mark, Memory, PinnedMemory

__all__ = ["EmulatedDevice", "EmulatedStream", "emulation"]

try:
    from native import _emulation as emulation
except ImportError:  # installed without a C++ compiler
    emulation = None  # type: ignore[assignment]

ALIGNMENT = 256  # of what a GPU allocates
_FRESH = 0xA5  # fresh memory is not zero


class EmulatedDevice:
    """Lanes run forwards or backwards: what depends on their order is wrong either way."""

    name = "emulated"

    def __init__(self, *, backwards: bool = False, memory_max_bytes: int = 1 << 30) -> None:
        if emulation is None:
            raise DeviceFailed("the emulation was not compiled: this was installed without C++")
        self._backwards = backwards
        self._left_bytes = memory_max_bytes

    def allocate(self, size: int) -> Memory:
        if size > self._left_bytes:
            raise DeviceFailed(f"out of memory: {size} bytes where {self._left_bytes} are left")
        address, raw = _aligned_bytes(size)
        self._left_bytes -= size
        weakref.finalize(raw, self._give_back, size)
        return Memory(address, size, raw)

    def allocate_pinned(self, size: int) -> PinnedMemory:
        address, raw = _aligned_bytes(size)
        start = address - ctypes.addressof(raw)
        return PinnedMemory(address, memoryview(raw).cast("B")[start : start + size])

    def open_stream(self) -> "EmulatedStream":
        return EmulatedStream(self._backwards)

    def _give_back(self, size: int) -> None:
        self._left_bytes += size


class EmulatedStream:
    """A queue of orders."""

    def __init__(self, backwards: bool) -> None:
        self._backwards = backwards
        self._orders: deque[Callable[[], object]] = deque()
        self._done = 0

    def clear(self, target: Memory) -> None:
        self._orders.append(partial(ctypes.memset, target.address, 0, target.size))

    def upload(self, source: PinnedMemory, target: Memory, size: int) -> None:
        assert size <= min(len(source.view), target.size), "a copy beyond the end"
        self._orders.append(partial(ctypes.memmove, target.address, source.address, size))

    def download(self, source: Memory, target: PinnedMemory, size: int) -> None:
        assert size <= min(len(target.view), source.size), "a copy beyond the end"
        self._orders.append(partial(ctypes.memmove, target.address, source.address, size))

    def launch(self, kernel: str, blocks: int, lanes: int, arguments: Sequence[int]) -> None:
        assert emulation.kernels()[kernel] == lanes, "this kernel has other blocks"
        packed = b"".join(each.to_bytes(8, "little") for each in arguments)
        self._orders.append(partial(emulation.run, kernel, blocks, packed, self._backwards))

    def mark(self) -> "EmulatedMark":
        return EmulatedMark(self, self._done + len(self._orders))

    def wait(self, mark: Mark) -> None:
        self._orders.append(mark.synchronize)

    def run_until(self, order: int) -> None:
        while self._done < order:
            self._done += 1
            self._orders.popleft()()


class EmulatedMark:
    """Behind so many orders of a stream."""

    def __init__(self, stream: EmulatedStream, order: int) -> None:
        self._stream = stream
        self._order = order

    def synchronize(self) -> None:
        self._stream.run_until(self._order)


def _aligned_bytes(size: int) -> "tuple[int, ctypes.Array[ctypes.c_char]]":
    raw = (ctypes.c_char * (size + ALIGNMENT))()
    ctypes.memset(raw, _FRESH, size + ALIGNMENT)
    return -(-ctypes.addressof(raw) // ALIGNMENT) * ALIGNMENT, raw
