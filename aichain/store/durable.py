"""Bytes that stay: whole writes, syncs, atomic replacement; disk trouble is StoreFailed."""

import fcntl
import os
import stat
from pathlib import Path
from typing import NoReturn

from aichain.errors import StoreFailed


def write_all(path: Path, descriptor: int, data: bytes, offset: int) -> None:
    """Write every byte at `offset`; on trouble cut the file back there and raise StoreFailed."""
    done = 0
    view = memoryview(data)
    try:
        while done < len(view):
            done += os.pwrite(descriptor, view[done:], offset + done)
    except OSError as error:
        _cut_back(descriptor, offset)
        fail(path, error)


def sync_data(path: Path, descriptor: int) -> None:
    """fdatasync. After a failure the kernel may have dropped the pages: nothing may go on."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        fail(path, error)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive power loss."""
    _sync(path, os.O_DIRECTORY)


def sync_files(directory: Path) -> None:
    """Make all its files survive power loss, whoever wrote them."""
    for path in directory.iterdir():
        _sync(path)
    sync_directory(directory)


def make_directory(path: Path) -> None:
    """Make it, and what is missing above it; the new names survive power loss."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(path, error)
    for each in reversed(missing):
        sync_directory(each.parent)


def replace_file(path: Path, data: bytes, like: os.stat_result | None = None) -> None:
    """The old contents or the new ones, never a mixture, whatever happens in between.

    Its owner's alone, unless it shall have the owner and mode of another file.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            if like is not None:
                os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            write_all(fresh, descriptor, data, 0)
            sync_data(fresh, descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(path)
    except OSError as error:
        fail(path, error)
    sync_directory(path.parent)


class FileLock:
    """An flock that dies with its process; the file names the holder for whoever is refused."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 64, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise LockHeld(holder or "unknown process") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


class LockHeld(Exception):
    """Somebody else holds the lock; the caller names what that means."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def fail(path: Path, error: OSError) -> NoReturn:
    raise StoreFailed(path=str(path), reason=error.strerror or str(error)) from error


def _sync(path: Path, flags: int = 0) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        fail(path, error)


def _cut_back(descriptor: int, size_bytes: int) -> None:
    try:
        os.ftruncate(descriptor, size_bytes)
    except OSError:
        pass  # the torn tail is found and cut at the next open
