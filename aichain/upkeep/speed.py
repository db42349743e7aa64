"""Quick figures of this machine: what a block costs here, stage by stage."""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from aichain.store.log_file import DiskFile
from aichain.upkeep.timing import Row, Timing, measure
from aichain.upkeep.transfer_scene import make_scene
from native.backends import view_engines
from native.batch import verify_many
from native.hash_batches import blake3_256_many
from native.hashing import blake3_256
from native.merkle import merkle_root
from native.signatures import SignatureItem, SigningKey
from vm.apply import apply_block
from vm.blocks import decode_body, encode_body

BATCH: Final = 64
TRANSACTIONS: Final = 500
ACCOUNTS: Final = 2_000
HASHES: Final = 1_000
RECORD: Final = bytes(4_096)
REPEATS: Final = 5
MEBIBYTE: Final = bytes(1 << 20)


def figures(disk: Path, repeats: int = REPEATS) -> Iterator[Row]:
    """One after the other, some ten seconds for all. OSError where nothing can be written there."""
    view_engines()  # each engine begins with a test of its own
    for make in (_signatures, _hashes, _blocks):
        yield from make(repeats)
    yield _fsync(disk, repeats)


def _signatures(repeats: int) -> Iterator[Row]:
    key = SigningKey.from_seed(bytes(32))
    one = SignatureItem(key.public_key, b"bench", b"", key.sign(b"bench", b""))
    assert all(verify_many([one])), "it was signed a moment ago"
    yield _row("ML-DSA-65 sign", measure(partial(key.sign, b"bench", b""), repeats=repeats))
    yield _row("ML-DSA-65 verify, one", measure(partial(verify_many, [one]), repeats=repeats))
    batch = partial(verify_many, [one] * BATCH)
    timing = measure(batch, repeats=repeats, operations=BATCH)
    yield _row(f"ML-DSA-65 verify, each of {BATCH}", timing)


def _hashes(repeats: int) -> Iterator[Row]:
    messages = [index.to_bytes(4, "big") * 16 for index in range(HASHES)]
    many: dict[str, Callable[[], object]] = {
        "BLAKE3 of 64 B, each": partial(blake3_256_many, messages),
        "Merkle root, a leaf": partial(merkle_root, messages),
    }
    for name, work in many.items():
        yield _row(name, measure(work, repeats=repeats, operations=HASHES))
    yield _row("BLAKE3 of 1 MiB", measure(partial(blake3_256, MEBIBYTE), repeats=repeats))


def _blocks(repeats: int) -> Iterator[Row]:
    scene = make_scene(ACCOUNTS, TRANSACTIONS, TRANSACTIONS)
    body = encode_body(scene.block.transactions)

    def execute() -> None:
        after, _ = apply_block(scene.state, scene.block)
        assert after.root != scene.state.root

    count = TRANSACTIONS
    decode = measure(partial(decode_body, body), repeats=repeats, operations=count)
    yield _row("decode a transfer", decode)
    apply = measure(execute, repeats=repeats, operations=count)
    yield _row("execute a transfer, with the state's root", apply)


def _fsync(disk: Path, repeats: int) -> Row:
    """As the vote log does: a vote waits for one."""
    descriptor, name = tempfile.mkstemp(dir=disk, prefix=".aichain-bench-")
    os.close(descriptor)
    file = DiskFile(Path(name))

    def write() -> None:
        file.write(RECORD, file.size_bytes)
        file.sync()

    try:
        return _row("write and fsync 4 KiB", measure(write, repeats=repeats))
    finally:
        file.close()
        Path(name).unlink()


def _row(name: str, timing: Timing) -> Row:
    return {
        "what": name,
        "microseconds": round(timing.median_s * 1e6, 2),
        "worst": round(timing.high_s * 1e6, 2),
        "per second": round(1 / timing.median_s),
    }
