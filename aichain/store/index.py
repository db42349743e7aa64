"""Transaction id to place in the chain: written unsynced after commits, rebuilt when in doubt."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from aichain.errors import StoreCorrupt, StoreFailed
from aichain.store.keys import INDEXED, transaction_key
from aichain.store.leveldb import LevelSettings
from aichain.store.location import Location
from aichain.store.rebuilt import make_unreadable, open_or_start_over, start_over
from native.hashing import Hash32

_SETTINGS = LevelSettings(write_buffer_bytes=1 << 20, cache_bytes=2 << 20, max_open_files=32)
_HEIGHT_BYTES = 8


class TransactionIndex:
    """Its trouble never stops a validator: a failed index answers nothing until the next start."""

    def __init__(self, path: Path) -> None:
        """Open the index, or start an empty one where there is none that can be read."""
        self.failed = ""
        """Why lookups answer nothing; empty while all is well."""
        self._path = path
        self._database = open_or_start_over(path, _SETTINGS)
        self.height = self._indexed_height()

    def locate(self, tx_id: Hash32) -> Location | None:
        if self.failed:
            return None
        try:
            place = self._database.get(transaction_key(tx_id))
        except (StoreCorrupt, StoreFailed) as error:
            self._give_up(error)
            return None
        return None if place is None else Location.decode(place)

    def add(self, blocks: Iterable[tuple[int, Sequence[Hash32]]]) -> None:
        """Index the transaction ids of the blocks that follow `height`, in order."""
        if self.failed:
            return
        batch: dict[bytes, bytes | None] = {}
        height = self.height
        for height, tx_ids in blocks:
            for index, tx_id in enumerate(tx_ids):
                batch[transaction_key(tx_id)] = Location(height, index).encode()
        batch[INDEXED] = height.to_bytes(_HEIGHT_BYTES, "big")
        try:
            self._database.write(batch, sync=False)
        except (StoreCorrupt, StoreFailed) as error:
            self._give_up(error)
            return
        self.height = height

    def remove(self, tx_ids: Iterable[Hash32]) -> None:
        """Forget transactions of blocks that are no longer kept."""
        if self.failed:
            return
        try:
            self._database.write(dict.fromkeys(map(transaction_key, tx_ids)), sync=False)
        except (StoreCorrupt, StoreFailed) as error:
            self._give_up(error)

    def start_after(self, height: int) -> None:
        """There is nothing to index up to this height."""
        self.height = max(self.height, height)

    def reset(self) -> None:
        """Forget everything: it is not about the chain that the blocks tell of."""
        self._database.close()
        self._database = start_over(self._path, _SETTINGS)
        self.height = 0

    def close(self) -> None:
        self._database.close()

    def _give_up(self, error: StoreCorrupt | StoreFailed) -> None:
        self.failed = error.reason
        if isinstance(error, StoreCorrupt):
            make_unreadable(self._path)

    def _indexed_height(self) -> int:
        try:
            height = self._database.get(INDEXED)
        except StoreCorrupt:
            self.reset()
            return 0
        return int.from_bytes(height, "big") if height is not None else 0
