"""The state's records in the database, and the tip that says which block they are the state of."""

from collections.abc import Iterator
from dataclasses import dataclass

from aichain.store.keys import STATE, state_key
from aichain.store.kv import KeyValueReader
from genesis import limits
from native import codec
from native.hashing import Hash32, hash32
from vm.commitment import StateTree
from vm.state import State

_TIP_FIELDS = 4
_TIP_OVERHEAD_BYTES = 128


class StateRecords:
    """The committed records as vm reads them: without the database's prefix."""

    def __init__(self, reader: KeyValueReader) -> None:
        self._reader = reader

    def get(self, key: bytes, /) -> bytes | None:
        return self._reader.get(STATE + key)


@dataclass(frozen=True, slots=True)
class Tip:
    """The last final block in this database. It is written with its state, in one batch."""

    height: int
    block_id: Hash32
    state_root: Hash32
    record: bytes
    """vm's own part: what State.load needs besides the records."""

    @staticmethod
    def of(state: State) -> "Tip":
        return Tip(state.head.height, state.head.id, state.root, state.tip_record())

    def encode(self) -> bytes:
        return codec.encode([self.height, self.block_id, self.state_root, self.record])

    @staticmethod
    def decode(raw: bytes) -> "Tip":
        max_bytes = limits.TIP_RECORD_MAX_BYTES + _TIP_OVERHEAD_BYTES
        fields = codec.decode(raw, max_bytes=max_bytes, max_items=_TIP_FIELDS, max_depth=1)
        height, block_id, root, record = codec.array(fields, _TIP_FIELDS)
        return Tip(
            codec.uint(height),
            hash32(block_id),
            hash32(root),
            codec.bounded(record, limits.TIP_RECORD_MAX_BYTES),
        )


def stage_state(batch: dict[bytes, bytes | None], state: State) -> None:
    """Add what this block changed; blocks of one batch are staged oldest first."""
    for key, value in state.changes.items():
        batch[state_key(key)] = value


def scan_tree(reader: KeyValueReader) -> StateTree:
    """The state tree of everything that is stored: the check of the whole state at every start."""
    return StateTree.build(scan_records(reader))


def scan_records(reader: KeyValueReader) -> Iterator[tuple[bytes, bytes]]:
    """Every state record under its key in the tree."""
    skip = len(STATE)
    return ((key[skip:], value) for key, value in reader.iterate(STATE))
