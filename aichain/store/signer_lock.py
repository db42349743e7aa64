"""One live signer per key on one machine, whatever home it runs in."""

import os
import stat
import tempfile
from pathlib import Path

from aichain.errors import StoreFailed, WalLocked
from aichain.store.durable import FileLock, LockHeld, fail


def runtime_directory() -> Path:
    """Where all processes of this user look: $XDG_RUNTIME_DIR, else a directory of our own."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "aichain-signers"
    return Path(tempfile.gettempdir()) / f"aichain-signers-{os.getuid()}"


def lock_key(directory: Path, fingerprint: bytes) -> FileLock:
    """Claim a key until the process ends; WalLocked if another home signs with it, StoreFailed."""
    path = directory / f"{fingerprint.hex()}.lock"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StoreFailed(path=str(directory), reason="it is not a directory of this user")
        return FileLock(path)
    except LockHeld as error:
        raise WalLocked(path=str(path), holder=error.holder) from None
    except OSError as error:
        fail(path, error)
