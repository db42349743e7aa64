"""A disk under the vote log that loses, tears, refuses and changes what is written to it."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

from aichain.errors import StoreFailed
from genesis.units import Address

SECTOR_BYTES = 512


class PowerLost(BaseException):
    """The machine is off in the middle of a call: nobody on it can catch this."""


class LogFault(Enum):
    """What the next call that it fits will meet; the names are rows of the table of faults."""

    POWER = "power lost while the log is written"
    REWRITE = "power lost while the log is rewritten"
    FULL = "disk full"
    SYNC = "failed fsync"


class LogDisk:
    """A `LogFile`. What was not synced may be lost at a power failure, in whole or by sectors."""

    def __init__(
        self,
        owner: Address,
        data: bytes,
        below: Callable[[int], int],
        note: Callable[[str], None],
    ) -> None:
        self.path = Path(f"{owner.hex()}.wal")
        self.armed: LogFault | None = None
        self.is_changed = False
        self.is_foreign = False
        self._data = bytearray(data)
        self._synced = self._whole = len(data)
        self._below = below
        self._note = note

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def read(self) -> bytes:
        return bytes(self._data)

    def write(self, data: bytes, offset: int) -> None:
        if self._meets(LogFault.FULL):
            self._data[offset:] = data[: self._below(len(data))]
            if self._below(4):
                del self._data[offset:]
            raise StoreFailed(path=str(self.path), reason="no space left on device")
        self._data[offset:] = data
        if self._meets(LogFault.POWER):
            raise PowerLost

    def truncate(self, size_bytes: int) -> None:
        del self._data[size_bytes:]
        self._synced = min(self._synced, size_bytes)

    def sync(self) -> None:
        if self._meets(LogFault.SYNC):
            raise StoreFailed(path=str(self.path), reason="input/output error")
        self._synced = self._whole = len(self._data)

    def replace(self, data: bytes) -> None:
        is_off = self._meets(LogFault.REWRITE)
        if not is_off or self._below(2):
            self._note("(log rewritten)")
            self._data = bytearray(data)
            self._synced = self._whole = len(data)
        if is_off:
            raise PowerLost

    def close(self) -> None:
        """Nothing to give back."""

    # --- what happens to it -------------------------------------------------------------------

    def lose_power(self) -> None:
        """Of what was not synced all may be lost, or a part: cut anywhere, sectors not written."""
        unsynced = len(self._data) - self._synced
        if unsynced:
            end = self._synced + (self._below(unsynced + 1) if self._below(3) else 0)
            del self._data[end:]
            if end == self._synced:
                self._note("unsynced write of the log lost")
            elif self._lose_sectors(end) or end < self._synced + unsynced:
                self._note("unsynced write of the log torn")
        self._synced = len(self._data)

    def change_a_bit(self) -> None:
        """In anything that was ever acknowledged."""
        bit = self._below(8 * self._whole)
        self._data[bit // 8] ^= 1 << bit % 8
        self.is_changed = True

    def swap(self, other: "LogDisk") -> "LogDisk":
        """What an operator sees who mounts the disk of another validator here."""
        foreign = LogDisk(Address(b"?" * 20), other.read(), self._below, self._note)
        foreign.path, foreign.is_foreign = self.path, True
        return foreign

    def _lose_sectors(self, end: int) -> bool:
        """Of what else the power left, some sectors were never written and read as zeros."""
        is_torn, start = False, self._synced
        while start < end:
            boundary = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if not self._below(4):
                self._data[start:boundary] = bytes(boundary - start)
                is_torn = True
            start = boundary
        return is_torn

    def _meets(self, fault: LogFault) -> bool:
        if self.armed is not fault:
            return False
        self.armed = None
        self._note(fault.value)
        return True
