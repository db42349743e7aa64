"""Names in directories as the power leaves them: what was made or renamed is only there for good
once its directory was synced (POSIX; some file systems promise more)."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

_open, _mkdir, _rename, _replace = os.open, os.mkdir, os.rename, os.replace


@dataclass(frozen=True, slots=True)
class _Made:
    """A file or a directory that was not there."""

    path: Path

    def undo(self) -> None:
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Renamed:
    """Another name for a file or a directory, and the file that had this name before."""

    source: Path
    path: Path
    before: bytes | None

    def undo(self) -> None:
        if self.path.exists():
            os.makedirs(self.source.parent, exist_ok=True)  # it may have been removed since
            _rename(self.path, self.source)
        if self.before is not None:
            self.path.write_bytes(self.before)


class DirectoryEntries:
    """Of all machines of a run, oldest change first."""

    def __init__(self, rng: random.Random, moved: Callable[[Path, Path], None]) -> None:
        self._random = rng
        self._moved = moved
        self._unsynced: list[_Made | _Renamed] = []

    def synced(self, directory: Path) -> None:
        """All its names are there for good."""
        self._unsynced = [each for each in self._unsynced if each.path.parent != directory]

    def lose(self, home: Path) -> int:
        """Any of the last changes below `home` that no sync followed; how many."""
        ours = [each for each in self._unsynced if each.path.is_relative_to(home)]
        self._unsynced = [each for each in self._unsynced if each not in ours]
        lost = ours[self._random.randint(0, len(ours)) :]
        for each in reversed(lost):
            each.undo()
        return len(lost)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """The calls of the operating system that make names are seen as long as this lasts."""
        with ExitStack() as patches:
            for name in ("open", "mkdir", "rename", "replace"):
                patches.enter_context(patch.object(os, name, getattr(self, f"_on_{name}")))
            yield

    def _on_open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        is_new = flags & os.O_CREAT and not os.path.lexists(path)
        descriptor = _open(path, flags, *arguments, **named)
        if is_new:
            self._unsynced.append(_Made(Path(path)))
        return descriptor

    def _on_mkdir(self, path: Any, *arguments: Any, **named: Any) -> None:
        _mkdir(path, *arguments, **named)
        self._unsynced.append(_Made(Path(path)))

    def _on_rename(self, source: Any, path: Any) -> None:
        self._give_name(Path(source), Path(path), _rename)

    def _on_replace(self, source: Any, path: Any) -> None:
        self._give_name(Path(source), Path(path), _replace)

    def _give_name(self, source: Path, path: Path, give: Callable[[Path, Path], None]) -> None:
        before = path.read_bytes() if path.is_file() else None
        give(source, path)
        # A new file under its first name is no name of its own any more.
        self._unsynced = [each for each in self._unsynced if each != _Made(source)]
        self._unsynced.append(_Renamed(source, path, before))
        self._moved(source, path)
