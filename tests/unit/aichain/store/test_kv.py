"""Key ranges, and a store that fails on demand."""

import pytest

from aichain.errors import StoreFailed
from aichain.store import keys
from aichain.store.kv import prefix_end
from native.hashing import Hash32
from tests.memory_store import MemoryStore


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"a", b"b"), (b"a|", b"a}"), (b"a\xff", b"b"), (b"\xff\xff", None), (b"", None)],
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes | None) -> None:
    assert prefix_end(prefix) == end


def test_keys_sort_by_height() -> None:
    heights = [0, 1, 255, 256, 65_536, 2**40]
    made = [keys.block_key(height) for height in heights]
    assert made == sorted(made)
    assert [keys.height_in(key, keys.BLOCK) for key in made] == heights


def test_no_kind_of_key_is_another_kinds_prefix() -> None:
    block_id = Hash32(bytes(32))
    made = {
        keys.state_key(b"a"),
        keys.block_key(0),
        keys.height_key(block_id),
        keys.certificate_key(0),
        keys.receipts_key(0),
        keys.transaction_key(block_id),
        keys.TIP,
        keys.SCHEMA,
        keys.CHAIN,
        keys.INDEXED,
    }
    prefixes = [keys.STATE, keys.BLOCK, keys.HEIGHT, keys.CERTIFICATE, keys.RECEIPTS]
    for prefix in prefixes:
        assert sum(key.startswith(prefix) for key in made) == 1


def test_a_faulty_store_applies_nothing_and_stays_faulty() -> None:
    store = MemoryStore()
    store.write({b"a": b"1"}, sync=True)
    store.fail_after(1)
    store.write({b"a": b"2"}, sync=True)
    for _ in range(2):
        with pytest.raises(StoreFailed):
            store.write({b"a": b"3", b"b": b"3"}, sync=True)
    again = store.reopened()
    assert list(again.iterate()) == [(b"a", b"2")]
    again.write({b"a": None}, sync=False)
    assert list(again.iterate()) == []
    assert store.get(b"a") == b"2"
