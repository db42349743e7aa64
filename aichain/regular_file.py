"""Reads files that somebody named: so many bytes at most, and no pipe is waited for."""

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """At most one byte more than `most_bytes`, and the mode; OSError says why it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "this is not a regular file", str(path))
        return file.read(most_bytes + 1), stat.S_IMODE(mode)
