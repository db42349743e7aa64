"""What the host does for a GPU, without one: items packed into the copy that a device would get."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness import PYTHON, Row, arguments, measure_by_turns, report

from native.compiled import kernels
from native.gpu import packing
from native.gpu.columns import Columns
from native.gpu.device import Mark, Memory, PinnedMemory
from native.gpu.engine import GpuEngine
from native.gpu.sizes import SIZES
from native.gpu.staging import read_messages, staging_bytes, write
from native.signatures import Algorithm, SignatureItem, SigningKey

KEYS = 64
CONTEXT = b"aichain/vote/v1"
MESSAGE = bytes(range(86))  # as long as a vote's signing bytes
BATCHES = (64, 1_024, 8_192)
TWINS = {PYTHON: None, **({} if kernels is None else {"C++": kernels})}


class Nowhere:
    """A device, and its streams and marks, that do nothing: what is left of a call is the host."""

    name = "nowhere"
    _next = 1 << 20

    def allocate(self, size: int) -> Memory:
        address, self._next = self._next, self._next + -(-size // 256) * 256
        return Memory(address, size, None)

    def allocate_pinned(self, size: int) -> PinnedMemory:
        return PinnedMemory(0, memoryview(bytearray(b"\1") * size))

    def open_stream(self) -> "Nowhere":
        return self

    def clear(self, target: Memory) -> None: ...

    def upload(self, source: PinnedMemory, target: Memory, size: int) -> None: ...

    def download(self, source: Memory, target: PinnedMemory, size: int) -> None: ...

    def launch(self, kernel: str, blocks: int, lanes: int, arguments: Sequence[int]) -> None: ...

    def mark(self) -> "Nowhere":
        return self

    def wait(self, mark: Mark) -> None: ...

    def synchronize(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Items whose signatures and messages are bytes of their own, as they come from peers."""

    items: Sequence[SignatureItem]
    device: Nowhere = field(default_factory=Nowhere)

    @classmethod
    def of(cls, keys: Sequence[SigningKey], count: int) -> "Batch":
        """The keys taking turns."""
        signatures = [key.sign(MESSAGE, CONTEXT) for key in keys]
        return cls(
            [
                SignatureItem(
                    keys[number % KEYS].public_key,
                    bytes(bytearray(MESSAGE)),
                    CONTEXT,
                    bytes(bytearray(signatures[number % KEYS])),
                )
                for number in range(count)
            ]
        )

    def packing(self) -> Callable[[], object]:
        """From items to the bytes of one copy, their keys' places aside."""
        sizes, count = SIZES[Algorithm.ML_DSA_65], len(self.items)
        size = staging_bytes(sizes, count, count * (2 + len(CONTEXT) + len(MESSAGE)), 0)
        staging, target = self.device.allocate_pinned(size), self.device.allocate(size)
        keys = list(range(count))

        def work() -> object:
            columns = Columns.of(self.items)
            ((_, places),) = columns.places_by_algorithm()
            mine = columns.at(places)
            messages = read_messages(mine, pure=True)
            return write(staging, target, mine.signatures, messages, keys, {}, None)

        return work

    def call(self) -> Callable[[], object]:
        """All that a call does but kernels and copies; the keys are pinned."""
        engine = GpuEngine(self.device)
        engine.pin(list({item.public_key for item in self.items}))
        return partial(engine.verify, self.items)


def by(twin: str, work: Callable[[], object]) -> object:
    """What `work` returns if one of TWINS packs."""
    before, packing.kernels = packing.kernels, TWINS[twin]  # type: ignore[assignment]  # or None
    try:
        return work()
    finally:
        packing.kernels = before


def rows(repeats: int) -> Iterator[Row]:
    """Python first, then C++ where it was compiled; both return the same."""
    keys = [SigningKey.from_seed(bytes([number]) * 32) for number in range(KEYS)]
    for count in BATCHES:
        batch = Batch.of(keys, count)
        for name, work in (("packing", batch.packing()), ("whole call", batch.call())):
            works = [partial(by, twin, work) for twin in TWINS]
            first, *others = [each() for each in works]
            assert all(other == first for other in others), name
            timings = measure_by_turns(works, repeats=repeats, operations=count)
            for twin, timing in zip(TWINS, timings, strict=True):
                ratio = timings[0].median_s / timing.median_s
                yield {
                    "ratio": f"{ratio:.1f}",
                    **timing.row(f"ML_DSA_65 {name}, batch of {count}, a signature, {twin}"),
                }


def main() -> None:
    """Run alone: `python benchmarks/gpu_packing.py [--json]`."""
    options = arguments("what the host does for a GPU, a signature, on one core")
    report("gpu_packing", list(rows(options.repeats)), as_json=options.json)


if __name__ == "__main__":
    main()
