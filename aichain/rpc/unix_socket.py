"""The unix socket of a home: whoever may open the file may call."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import trio

PATH_MAX_BYTES: Final = 107
"""sun_path, without the zero at its end (unix(7))."""
_BACKLOG: Final = 64
_OWNER_ONLY: Final = 0o600


@contextmanager
def listening_at(path: Path) -> Iterator[trio.SocketListener]:
    """A listener at `path`, for the owner alone; the file is gone afterwards.

    A file that a killed node left is replaced: the home is locked, so nobody listens there.
    OSError when it cannot be made.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(path))
        try:
            path.chmod(_OWNER_ONLY)
            bound.listen(_BACKLOG)  # nobody can connect before this
            yield trio.SocketListener(trio.socket.from_stdlib_socket(bound))
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


def fits(path: Path) -> bool:
    """Whether the kernel takes a path of this length."""
    return len(os.fsencode(path)) <= PATH_MAX_BYTES
