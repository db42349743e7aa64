"""The state tree: building, updating, proving, and the memory of a node that holds it."""

import argparse
import gc
import resource
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness import (
    ENGINES,
    Row,
    Timing,
    arguments,
    measure,
    measure_by_turns,
    report,
    under,
)

from vm.commitment import StateTree, verify_proof

RECORD = bytes(60)
UPDATES = (1, 100, 1_000, 10_000)


def key(index: int) -> bytes:
    """As long as an account's."""
    return b"a" + index.to_bytes(20, "big")


def resident_bytes() -> int:
    """Of this process, now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def changes_of(size: int, records: int, generation: int) -> dict[bytes, bytes | None]:
    """`size` records spread over the whole set, written with a new value."""
    stride = max(1, records // size)
    value = RECORD + generation.to_bytes(4, "big")
    return {key((index * stride + generation) % records): value for index in range(size)}


def update_rows(tree: StateTree, records: int, repeats: int) -> list[Row]:
    """Python first, then every instruction set; all make the same tree."""
    removal: Mapping[bytes, bytes | None] = dict.fromkeys(changes_of(100, records, 0))
    works = {f"update of {size}": changes_of(size, records, 1) for size in UPDATES}
    rows: list[Row] = []
    for name, changes in {**works, "removal of 100": removal}.items():
        updates = [partial(under, each, partial(tree.update, changes)) for each in ENGINES]
        assert len({update().root for update in updates}) == 1
        timings = measure_by_turns(updates, repeats=repeats)
        rows += ratio_rows(f"{records} records: {name}", timings)
    return rows


def build_rows(items: Mapping[bytes, bytes], repeats: int) -> list[Row]:
    """A whole tree at a time, Python first."""
    builds = [partial(under, each, partial(StateTree.build, items.items())) for each in ENGINES]
    return ratio_rows(f"{len(items)} records: build", measure_by_turns(builds, repeats=repeats))


def ratio_rows(name: str, timings: Sequence[Timing]) -> list[Row]:
    """How many times faster than the first, in the same run."""
    return [
        {"ratio": f"{timings[0].median_s / timing.median_s:.1f}", **timing.row(f"{name}, {each}")}
        for each, timing in zip(ENGINES, timings, strict=True)
    ]


def proof_rows(tree: StateTree, records: int, repeats: int) -> list[Row]:
    """Microseconds a proof."""
    rows: list[Row] = []
    present, absent = key(records // 2), key(records + 1)
    for name, sought, value in (("presence", present, RECORD), ("absence", absent, None)):
        proof = tree.prove(sought)
        assert verify_proof(tree.root, sought, value, proof)
        timing = measure(partial(tree.prove, sought), repeats=repeats)
        rows.append({"ratio": "", **timing.row(f"{records} records: prove {name}")})
        work = partial(verify_proof, tree.root, sought, value, proof)
        timing = measure(work, repeats=repeats)
        row = timing.row(f"{records} records: verify {name}, {len(proof.encode())} bytes")
        rows.append({"ratio": "", **row})
    return rows


def _more_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])


def main() -> None:
    """Run alone: `python benchmarks/state_tree.py [--records N …] [--json]`."""
    options = arguments("the sparse Merkle tree of the state", _more_arguments)
    rows: list[Row] = []
    bytes_a_record: dict[int, int] = {}
    for records in options.records:
        items = {key(index): RECORD for index in range(records)}
        before = resident_bytes()
        tree = StateTree.build(items.items())
        bytes_a_record[records] = (resident_bytes() - before) // records
        rows += build_rows(items, max(1, options.repeats // 5))
        rows += update_rows(tree, records, options.repeats)
        rows += proof_rows(tree, records, options.repeats)
    report("state_tree", rows, as_json=options.json, resident_bytes_a_record=bytes_a_record)


if __name__ == "__main__":
    main()
