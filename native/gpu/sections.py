"""Pieces of one copy to the device, each where the kernels can read it."""

from array import array
from collections.abc import Sequence

from native.gpu.packing import Messages, put_messages, put_parts

_ALIGNMENT = 16
_READ_BEYOND_BYTES = 16  # kernels may read so far behind a section, not caring what is there
_END_BYTES = 4

SECTION_EXTRA_BYTES = _ALIGNMENT + _READ_BEYOND_BYTES
"""The most that a section takes besides its own bytes."""


class SectionWriter:
    """Puts sections one behind the other into `view`, which will be copied to `address`."""

    def __init__(self, view: memoryview, address: int) -> None:
        self._view = view
        self._address = address
        self.size = 0

    def add(self, data: "bytes | array[int]") -> int:
        """One section; where it will be."""
        raw = memoryview(data).cast("B")
        self._view[self.size : self.size + len(raw)] = raw
        return self._end(len(raw))

    def add_all(self, parts: Sequence[bytes]) -> int:
        """Large parts side by side, each copied once: a join would copy them twice."""
        return self._end(put_parts(self._view, self.size, parts) - self.size)

    def add_messages(self, messages: Messages) -> tuple[int, int]:
        """Two sections: where each message ends, and all of them."""
        ends_start = self.size
        ends = self._end(_END_BYTES * len(messages.parts))
        end = put_messages(self._view, ends_start, self.size, messages)
        return ends, self._end(end - self.size)

    def _end(self, size: int) -> int:
        start = self.size
        end = start + size + _READ_BEYOND_BYTES
        self.size = -(-end // _ALIGNMENT) * _ALIGNMENT
        return self._address + start
