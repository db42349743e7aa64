"""Where things lie in a node's data directory, and the lock that keeps it to one process."""

import os
from dataclasses import dataclass
from pathlib import Path

from aichain.errors import HomeLocked
from aichain.store.durable import FileLock, LockHeld


@dataclass(frozen=True, slots=True)
class DataPaths:
    """`chain` may be moved away as a whole and is synced again; `signer` must never be lost."""

    root: Path

    @property
    def chain(self) -> Path:
        return self.root / "chain"

    @property
    def state(self) -> Path:
        return self.chain / "state"

    @property
    def bodies(self) -> Path:
        return self.chain / "blocks"

    @property
    def index(self) -> Path:
        """May be deleted at any time: it is rebuilt from the blocks."""
        return self.root / "index"

    @property
    def accounts(self) -> Path:
        """The account index; may be deleted at any time."""
        return self.root / "accounts"

    @property
    def snapshots(self) -> Path:
        """What peers fetch who join; may be deleted at any time."""
        return self.root / "snapshots"

    @property
    def place(self) -> Path:
        """Where the chain really lies: operators link `chain` to a folder on another volume."""
        return Path(os.path.realpath(self.chain)) if self.chain.is_symlink() else self.chain

    @property
    def joining(self) -> Path:
        """A chain that is being fetched as a snapshot."""
        return self._beside("joining")

    @property
    def joined(self) -> Path:
        """It once it is whole: the next start puts it in the place of `chain`."""
        return self._beside("joined")

    @property
    def replaced(self) -> Path:
        """The old chain for the moment that takes."""
        return self._beside("replaced")

    def _beside(self, name: str) -> Path:
        """On the chain's volume, so that it can be renamed; others may have theirs beside it."""
        place = self.place
        return self.root / name if place == self.chain else place.with_name(f"{place.name}.{name}")

    @property
    def signer(self) -> Path:
        """The vote WAL of each key."""
        return self.root / "signer"

    @property
    def certificates(self) -> Path:
        """What left the vote log and may convict somebody; may be deleted at any time."""
        return self.root / "certificates"

    def lock(self) -> FileLock:
        """Keep every other process away from this directory; HomeLocked if one is here already."""
        try:
            return FileLock(self.root / "LOCK")
        except LockHeld as error:
            raise HomeLocked(path=str(self.root), holder=error.holder) from None
