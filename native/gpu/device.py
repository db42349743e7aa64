"""What the host asks of a GPU: memory, streams, kernels; and the one way in which it fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from native.engine import EngineFailed


@dataclass(eq=False)
class DeviceFailed(EngineFailed):
    """The GPU, its driver or its compiler refuses: nothing that it was asked for can be used."""

    fix: str = "unset AICHAIN_NATIVE: the processor verifies without a GPU"


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A piece of the device's memory; given back when nobody holds `owner` any more."""

    address: int
    size: int
    owner: object = field(repr=False)

    def __post_init__(self) -> None:
        assert self.size > 0


@dataclass(frozen=True, slots=True, eq=False)
class PinnedMemory:
    """A piece of the host's memory that the device reads and writes while the host works."""

    address: int
    view: memoryview = field(repr=False)


class Mark(Protocol):
    """A place in the order of a stream."""

    def synchronize(self) -> None:
        """Wait until all before it is done."""


class Stream(Protocol):
    """Orders that are carried out one after the other, while the host and other streams go on."""

    def clear(self, target: Memory) -> None:
        """All of it zero."""

    def upload(self, source: PinnedMemory, target: Memory, size: int) -> None: ...

    def download(self, source: Memory, target: PinnedMemory, size: int) -> None: ...

    def launch(self, kernel: str, blocks: int, lanes: int, arguments: Sequence[int]) -> None:
        """Run a kernel; every argument is an address or a number of 8 bytes."""

    def mark(self) -> Mark: ...

    def wait(self, mark: Mark) -> None:
        """What comes after this in the stream begins when all before `mark` is done."""


class Device(Protocol):
    """A GPU, or what stands for one. Every refusal is a DeviceFailed."""

    @property
    def name(self) -> str: ...

    def allocate(self, size: int) -> Memory: ...

    def allocate_pinned(self, size: int) -> PinnedMemory: ...

    def open_stream(self) -> Stream: ...
