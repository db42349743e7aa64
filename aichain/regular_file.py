"""Reads files that somebody named: so many bytes at most, and no pipe is waited for."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def read_regular(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """At most one byte more than `most_bytes`, and the mode; OSError says why it cannot be read."""
    with open_regular(path) as file:
        return file.read(most_bytes + 1), stat.S_IMODE(os.fstat(file.fileno()).st_mode)


def open_regular(path: Path) -> BinaryIO:
    """To read; OSError says why it cannot be."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))
    return file
