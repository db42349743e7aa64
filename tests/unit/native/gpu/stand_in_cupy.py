"""What `CupyDevice` uses of cupy, with this processor in place of a GPU: same names, same order of
arguments. Streams do their work at once."""

import ctypes
from types import ModuleType, SimpleNamespace
from typing import Any

from native.gpu.emulated_device import emulation


class CompileException(Exception):
    """Not a RuntimeError, as in cupy."""


class CUDARuntimeError(RuntimeError):
    """As in cupy."""


class Pointer(bytearray):
    """A MemoryPointer and a PinnedMemoryPointer in one: longer than asked for, as from a pool."""

    @property
    def ptr(self) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(self))


class Device:
    def __init__(self, number: int) -> None:
        self.id = number

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_error: object) -> None:
        pass


class Stream:
    def __init__(self, *, non_blocking: bool) -> None:
        assert non_blocking, "others wait for the default stream"
        self.ptr = id(self)
        self.waited: list[Event] = []

    def wait_event(self, event: "Event") -> None:
        assert event.stream is not None, "not recorded"
        self.waited.append(event)


class Event:
    def __init__(self, *, block: bool, disable_timing: bool) -> None:
        assert block
        assert disable_timing
        self.stream: Stream | None = None
        self.is_synchronized = False

    def record(self, stream: Stream) -> None:
        self.stream = stream

    def synchronize(self) -> None:
        self.is_synchronized = True


class RawModule:
    def __init__(self, *, code: str, options: tuple[str, ...]) -> None:
        assert '#include "' not in code
        assert options == ("-std=c++17",)

    def compile(self) -> None:
        pass

    def get_function(self, name: str) -> Any:
        def run(grid: Any, block: Any, arguments: Any, *, stream: Stream) -> None:
            (blocks,), (lanes,), (argument,) = grid, block, arguments
            assert emulation.kernels()[name] == lanes
            assert isinstance(stream, Stream)
            emulation.run(name, blocks, argument, False)

        return run


def stand_in(fail_after_allocations: int = 10_000) -> tuple[ModuleType, ModuleType]:
    """Modules to be found as cupy and numpy."""
    left = [fail_after_allocations]

    def allocate(size: int) -> Pointer:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError(f"Out of memory allocating {size} bytes")
        return Pointer(size + 512)

    def copy(target: int, source: int, size: int, kind: int, stream: int) -> None:
        assert kind in (1, 2)
        assert stream
        ctypes.memmove(target, source, size)

    def clear(target: int, value: int, size: int, stream: int) -> None:
        assert stream
        ctypes.memset(target, value, size)

    cupy, numpy = ModuleType("cupy"), ModuleType("numpy")
    runtime = SimpleNamespace(
        getDeviceProperties=lambda number: {"name": b"stand-in %d" % number},
        driverGetVersion=lambda: 13_000,
        memcpyAsync=copy,
        memsetAsync=clear,
        memcpyHostToDevice=1,
        memcpyDeviceToHost=2,
        CUDARuntimeError=CUDARuntimeError,
    )
    vars(cupy)["RawModule"] = RawModule
    vars(cupy)["cuda"] = SimpleNamespace(
        Device=Device,
        Stream=Stream,
        Event=Event,
        alloc=allocate,
        alloc_pinned_memory=allocate,
        runtime=runtime,
        compiler=SimpleNamespace(CompileException=CompileException),
    )
    vars(numpy)["frombuffer"] = lambda packed, dtype: packed if dtype == f"V{len(packed)}" else None
    return cupy, numpy
