"""Hashes and Merkle trees in one call against the loops that define them, on each engine."""

from collections.abc import Callable
from functools import partial

from harness import ENGINES, Row, arguments, measure_by_turns, report, under

from native.hash_batches import (
    blake3_256_many,
    keccak256_many,
    keyed_hash_many,
    sha3_256_many,
)
from native.merkle import merkle_root

KEY = bytes(32)
MESSAGES = 1_000
SIZES = (32, 64, 200, 1_024)
LEAVES = (100, 1_000, 10_000)


def works() -> dict[str, Callable[[], bytes]]:
    """What is measured, a call at a time."""
    found: dict[str, Callable[[], bytes]] = {}
    for size in SIZES:
        messages = messages_of(MESSAGES, size)
        found[f"keyed_hash_many, {MESSAGES} of {size} B"] = partial(keyed_hash_many, KEY, messages)
    for count in (1, 20):
        messages = messages_of(count, 64)
        found[f"keyed_hash_many, {count} of 64 B"] = partial(keyed_hash_many, KEY, messages)
    for many in (blake3_256_many, keccak256_many, sha3_256_many):
        found[f"{many.__name__}, {MESSAGES} of 64 B"] = partial(many, messages_of(MESSAGES, 64))
    for count in LEAVES:
        found[f"merkle_root of {count} leaves"] = partial(merkle_root, messages_of(count, 32))
    return found


def messages_of(count: int, size: int) -> list[bytes]:
    """Different ones."""
    return [index.to_bytes(4, "big") * (size // 4) for index in range(count)]


def rows_of(name: str, work: Callable[[], bytes], repeats: int) -> list[Row]:
    """The loop first, then every set; all give the same bytes."""
    works = [partial(under, each, work) for each in ENGINES]
    assert len({each() for each in works}) == 1
    timings = measure_by_turns(works, repeats=repeats)
    loop_s = timings[0].median_s
    return [
        {"ratio": f"{loop_s / timing.median_s:.1f}", **timing.row(f"{name}, {each}")}
        for each, timing in zip(ENGINES, timings, strict=True)
    ]


def main() -> None:
    """Run alone: `python benchmarks/hashing.py [--json]`."""
    options = arguments("hashes of many messages, Merkle roots")
    rows: list[Row] = []
    for name, work in works().items():
        rows += rows_of(name, work, options.repeats)
    report("hashing", rows, as_json=options.json)


if __name__ == "__main__":
    main()
