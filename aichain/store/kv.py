"""KeyValueStore: ordered bytes to bytes, with atomic batches and consistent snapshots."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

Batch = Mapping[bytes, bytes | None]
"""New values by key; None deletes. One batch is written whole or not at all."""


class KeyValueReader(Protocol):
    """Reads that never see half a batch. Damage raises StoreCorrupt, never a wrong value."""

    @property
    def path(self) -> Path:
        """Where it lies, for errors."""
        ...

    def get(self, key: bytes) -> bytes | None: ...

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key begins with `prefix`, in byte order.

        From the first key at or after `start`; with `reverse`, downwards from the last key at or
        before `start`. At most `limit` entries.
        """
        ...


class KeyValueStore(KeyValueReader, Protocol):
    """One writer; readers may be on other threads."""

    def write(self, batch: Batch, *, sync: bool) -> None:
        """Apply the batch atomically; with `sync` it survives power loss when this returns.

        Raises StoreFailed, or StoreCorrupt when damage was found behind earlier writes; the store
        then refuses every further write until it is reopened.
        """
        ...

    def snapshot(self) -> KeyValueReader:
        """The contents as of now, unmoved by later writes, for as long as it is referenced."""
        ...

    def close(self) -> None: ...


def prefix_end(prefix: bytes) -> bytes | None:
    """The first key after all keys with this prefix; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return None
    return trimmed[:-1] + bytes([trimmed[-1] + 1])
