"""A CUDA device, through cupy; both are loaded when this engine is asked for, and never before."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Protocol

from native.gpu.device import DeviceFailed, Mark, Memory, PinnedMemory
from native.gpu.sources import COMPILER_OPTIONS, translation_unit

_INSTALL = "pip install 'aichain[gpu]', or unset AICHAIN_NATIVE"


class CupyDevice:
    """One GPU. Kernels are compiled at the first use on a machine; cupy keeps them on the disk."""

    def __init__(self) -> None:
        try:
            self._cupy = importlib.import_module("cupy")
            self._numpy = importlib.import_module("numpy")
        except ImportError as error:
            raise DeviceFailed(str(error), _INSTALL) from error
        with _refusals(self._cupy):
            self._device = self._cupy.cuda.Device(0)  # CUDA_VISIBLE_DEVICES says which that is
            properties = self._cupy.cuda.runtime.getDeviceProperties(self._device.id)
            driver = self._cupy.cuda.runtime.driverGetVersion()
            self.name = f"{properties['name'].decode()}, CUDA driver {driver}"
        with self.at_work() as cupy:
            module = cupy.RawModule(code=translation_unit(), options=COMPILER_OPTIONS)
            module.compile()
        self._module = module
        self._kernels: dict[str, Callable[..., None]] = {}

    @contextmanager
    def at_work(self) -> Iterator[ModuleType]:
        """cupy with this device; whatever it refuses is a DeviceFailed."""
        with _refusals(self._cupy), self._device:
            yield self._cupy

    def allocate(self, size: int) -> Memory:
        with self.at_work() as cupy:
            owner = cupy.cuda.alloc(size)
            return Memory(int(owner.ptr), size, owner)

    def allocate_pinned(self, size: int) -> PinnedMemory:
        with self.at_work() as cupy:
            owner = cupy.cuda.alloc_pinned_memory(size)
            return PinnedMemory(int(owner.ptr), memoryview(owner).cast("B")[:size])

    def open_stream(self) -> "CupyStream":
        return CupyStream(self)

    def launch(self, kernel: str, blocks: int, lanes: int, packed: bytes, stream: object) -> None:
        """Run a kernel whose one argument is a value of these very bytes."""
        with self.at_work():
            argument = self._numpy.frombuffer(packed, dtype=f"V{len(packed)}")
            if kernel not in self._kernels:
                self._kernels[kernel] = self._module.get_function(kernel)
            self._kernels[kernel]((blocks,), (lanes,), (argument,), stream=stream)


class CupyStream:
    """A CUDA stream that does not wait for the default one."""

    def __init__(self, device: CupyDevice) -> None:
        self._device = device
        with device.at_work() as cupy:
            self._stream = cupy.cuda.Stream(non_blocking=True)

    def clear(self, target: Memory) -> None:
        with self._device.at_work() as cupy:
            cupy.cuda.runtime.memsetAsync(target.address, 0, target.size, self._stream.ptr)

    def upload(self, source: PinnedMemory, target: Memory, size: int) -> None:
        with self._device.at_work() as cupy:
            runtime = cupy.cuda.runtime
            kind, stream = runtime.memcpyHostToDevice, self._stream.ptr
            runtime.memcpyAsync(target.address, source.address, size, kind, stream)

    def download(self, source: Memory, target: PinnedMemory, size: int) -> None:
        with self._device.at_work() as cupy:
            runtime = cupy.cuda.runtime
            kind, stream = runtime.memcpyDeviceToHost, self._stream.ptr
            runtime.memcpyAsync(target.address, source.address, size, kind, stream)

    def launch(self, kernel: str, blocks: int, lanes: int, arguments: Sequence[int]) -> None:
        packed = b"".join(each.to_bytes(8, "little") for each in arguments)
        self._device.launch(kernel, blocks, lanes, packed, self._stream)

    def mark(self) -> "CupyMark":
        with self._device.at_work() as cupy:
            event = cupy.cuda.Event(block=True, disable_timing=True)
            event.record(self._stream)
            return CupyMark(self._device, event)

    def wait(self, mark: Mark) -> None:
        assert isinstance(mark, CupyMark)
        with self._device.at_work():
            self._stream.wait_event(mark.event)


class _Event(Protocol):
    def synchronize(self) -> None: ...


class CupyMark:
    """A CUDA event."""

    def __init__(self, device: CupyDevice, event: _Event) -> None:
        self._device = device
        self.event = event

    def synchronize(self) -> None:
        with self._device.at_work():
            self.event.synchronize()


@contextmanager
def _refusals(cupy: ModuleType) -> Iterator[None]:
    """CUDA's, the driver's and the compiler's errors, and what they raise for missing libraries."""
    compiler = cupy.cuda.compiler.CompileException
    try:
        yield
    except (RuntimeError, MemoryError, ImportError, OSError, ValueError, compiler) as error:
        raise DeviceFailed(f"{type(error).__name__}: {str(error).strip()[:500]}") from error
