"""Pieces of one copy to the device, each where the kernels can read it."""

from array import array

_ALIGNMENT = 16
_READ_BEYOND_BYTES = 16  # kernels may read so far behind a section, not caring what is there

SECTION_EXTRA_BYTES = _ALIGNMENT + _READ_BEYOND_BYTES
"""The most that a section takes besides its own bytes."""


class SectionWriter:
    """Puts sections one behind the other into `view`, which will be copied to `address`."""

    def __init__(self, view: memoryview, address: int) -> None:
        self._view = view
        self._address = address
        self.size = 0

    def add(self, data: "bytes | array[int]") -> int:
        start = self.size
        raw = memoryview(data).cast("B")
        self._view[start : start + len(raw)] = raw
        end = start + len(raw) + _READ_BEYOND_BYTES
        self.size = -(-end // _ALIGNMENT) * _ALIGNMENT
        return self._address + start
