"""Hashes and Merkle trees in one call against the loops that define them, on each engine."""

from collections.abc import Callable
from functools import partial

from harness import PYTHON, Row, arguments, engine, measure, report

from native.compiled import INSTRUCTION_SETS
from native.hash_batches import (
    blake3_256_many,
    keccak256_many,
    keyed_hash_many,
    sha3_256_many,
)
from native.merkle import merkle_root

KEY = bytes(32)
MESSAGES = 10_000
SIZES = (32, 64, 200, 1_024)
LEAVES = (100, 1_000, 10_000)


def works() -> dict[str, tuple[Callable[[], bytes], int]]:
    """What is measured, and how many operations of it a call does."""
    found: dict[str, tuple[Callable[[], bytes], int]] = {}
    for size in SIZES:
        messages = [index.to_bytes(4, "big") * (size // 4) for index in range(MESSAGES)]
        found[f"keyed_hash_many, {size} B"] = partial(keyed_hash_many, KEY, messages), MESSAGES
        if size == 64:
            found[f"keyed_hash_many, {size} B, 20 at once"] = (
                partial(keyed_hash_many, KEY, messages[:20]),
                20,
            )
            found[f"blake3_256_many, {size} B"] = partial(blake3_256_many, messages), MESSAGES
            found[f"keccak256_many, {size} B"] = partial(keccak256_many, messages), MESSAGES
            found[f"sha3_256_many, {size} B"] = partial(sha3_256_many, messages), MESSAGES
    for count in LEAVES:
        leaves = [index.to_bytes(32, "big") for index in range(count)]
        found[f"merkle_root of {count} leaves"] = partial(merkle_root, leaves), 1
    return found


def rows_of(name: str, work: Callable[[], bytes], operations: int, repeats: int) -> list[Row]:
    """The loop first, then every set; all give the same bytes."""
    rows: list[Row] = []
    loop_us, expected = 0.0, b""
    for each in (PYTHON, *INSTRUCTION_SETS):
        with engine(each):
            digests = work()
            timing = measure(work, repeats=repeats, operations=operations)
        if each == PYTHON:
            loop_us, expected = timing.median_s, digests
        assert digests == expected
        ratio = f"{loop_us / timing.median_s:.1f}"
        rows.append({"ratio": ratio, **timing.row(f"{name}, {each}")})
    return rows


def main() -> None:
    """Run alone: `python benchmarks/hashing.py [--json]`."""
    options = arguments("hashes of many messages, Merkle roots")
    rows: list[Row] = []
    for name, (work, operations) in works().items():
        rows += rows_of(name, work, operations, options.repeats)
    report("hashing", rows, as_json=options.json)


if __name__ == "__main__":
    main()
