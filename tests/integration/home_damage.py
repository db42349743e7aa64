"""What can be damaged in a stopped node's home; each says where a check has to find it."""

from dataclasses import replace
from typing import Any

from aichain.store import keys
from aichain.store.leveldb import LevelStore
from aichain.store.paths import DataPaths
from native import codec
from native.hashing import ZERO_HASH
from vm.receipts import decode_receipt, encode_receipt


def damage_body(home: Any) -> str:
    segment = DataPaths(home.root).bodies / "000001.seg"
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 2] ^= 1
    segment.write_bytes(raw)
    return "block "


def rewrite(home: Any, key: bytes, value: bytes | None) -> None:
    database = LevelStore(DataPaths(home.root).state)
    database.write({key: value}, sync=True)
    database.close()


def damage_state(home: Any) -> str:
    rewrite(home, keys.state_key(b"a" + bytes(20)), b"\x01")
    return "the state"


def damage_receipts(home: Any) -> str:
    database = LevelStore(DataPaths(home.root).state)
    found = [key for key, _ in database.iterate(keys.RECEIPTS)]
    database.close()
    rewrite(home, found[-1], None)
    return f"block {keys.height_in(found[-1], keys.RECEIPTS)}"


def change_receipts(home: Any) -> str:
    """As many as there were, and one burned more: only the block above knows better."""
    database = LevelStore(DataPaths(home.root).state)
    key, raw = next(iter(database.iterate(keys.RECEIPTS)))
    database.close()
    [encoded] = codec.array(codec.decode(raw, max_bytes=len(raw), max_items=1), 1)
    receipt = decode_receipt(codec.bounded(encoded, len(raw)))
    changed = encode_receipt(replace(receipt, fee_burned=receipt.fee_burned + 1))
    rewrite(home, key, codec.encode([changed]))
    return f"block {keys.height_in(key, keys.RECEIPTS) + 1}"


def damage_certificate(home: Any) -> str:
    database = LevelStore(DataPaths(home.root).state)
    prefix = keys.DECISION if home.document.has_lanes else keys.CERTIFICATE
    key, raw = next(iter(database.iterate(prefix)))
    database.close()
    fields = codec.decode(raw, max_bytes=len(raw), max_items=1_000)
    signatures: Any = fields[1][-1] if home.document.has_lanes else fields[-1]  # type: ignore
    signatures[0] = bytes(len(signatures[0]))
    rewrite(home, key, codec.encode(fields))
    return "decision " if home.document.has_lanes else "certificate of block"


def damage_header_range(home: Any) -> str:
    rewrite(home, keys.node_key(0, 2), ZERO_HASH)
    return "block "
