"""What the Linux kernel knows of its clock: whether someone sets it, and how far off it may be."""

import ctypes
from dataclasses import dataclass
from typing import Final

STA_UNSYNC: Final = 0x0040
"""The status bit of a clock that nobody has set for long, or ever (linux/timex.h)."""


@dataclass(frozen=True, slots=True)
class KernelClock:
    """NTP services tell the kernel; without them the possible error grows until it is given up."""

    is_synchronized: bool
    max_error_ms: float


class _Timex(ctypes.Structure):
    """struct timex (adjtimex(2)); `modes` 0 changes nothing."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("others", ctypes.c_long * 32),  # more than the kernel writes
    )


def read_kernel_clock() -> KernelClock | None:
    """None where the kernel does not tell, as in a strict container."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    found = _Timex()
    if adjtimex(ctypes.byref(found)) < 0:
        return None
    return KernelClock(not found.status & STA_UNSYNC, found.maxerror / 1000)
