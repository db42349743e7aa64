"""Where things lie in a node's data directory, and the lock that keeps it to one process."""

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
    def snapshots(self) -> Path:
        """What peers fetch who join; may be deleted at any time."""
        return self.root / "snapshots"

    @property
    def joining(self) -> Path:
        """A chain that is being fetched as a snapshot."""
        return self.root / "joining"

    @property
    def joined(self) -> Path:
        """It once it is whole: the next start puts it in the place of `chain`."""
        return self.root / "joined"

    @property
    def replaced(self) -> Path:
        """The old chain for the moment that takes."""
        return self.root / "replaced"

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
