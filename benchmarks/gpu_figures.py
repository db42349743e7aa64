"""What a GPU takes for signatures, hashes and tallies, beside one core of the processor."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from gpu_agreement import KEY, sign, signing_keys
from harness import Row, Timing, measure, measure_by_turns

from native.backends import ENGINES
from native.cpu import OpenSSLEngine
from native.gpu.columns import Columns
from native.gpu.device import Device, Stream
from native.gpu.engine import GpuEngine
from native.gpu.hashes import GpuHashes, HashLimits
from native.gpu.kernels import launch
from native.gpu.pipeline import Limits
from native.gpu.sizes import SIZES
from native.gpu.staging import read_messages, staging_bytes, write
from native.gpu.steps import Order, Workspace, orders_to_expand, orders_to_verify
from native.gpu.votes import VoteCounter
from native.hash_batches import keccak256_many, keyed_hash_many
from native.merkle import merkle_root
from native.signatures import Algorithm, SignatureItem
from native.tally import Votes, tally_votes
from native.vector import VectorEngine

MESSAGE = bytes(range(86))  # as long as a vote's signing bytes
VALIDATORS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    keys: int
    fresh_keys: int
    resident: Sequence[int]
    from_host: Sequence[int]
    hashes: int
    leaves: Sequence[int]
    vote_groups: int


class Bench:
    """All figures of one device; ratios are to what one core of the processor takes."""

    def __init__(self, device: Device, limits: Limits, hashes: HashLimits, plan: Plan) -> None:
        self._device = device
        self._limits = limits
        self._hash_limits = hashes
        self._plan = plan
        keys = signing_keys(Algorithm.ML_DSA_65, max(plan.keys, plan.fresh_keys))
        self._signed = [sign(key, MESSAGE) for key in keys]

    def rows(self, repeats: int) -> Iterator[Row]:
        """One after the other."""
        core = self._one_core(repeats)
        yield _row("ML-DSA-65, one core, known keys", core["known"], core["known"])
        yield _row("ML-DSA-65, one core, keys never seen", core["new"], core["new"])
        for count in self._plan.resident:
            yield from self._resident_rows(count, core, repeats)
        for count in self._plan.from_host:
            yield self._from_host_row(count, core, repeats)
        yield self._strange_row(core, repeats)
        yield from self._hash_rows(repeats)
        yield from self._tree_rows(repeats)
        yield self._tally_row(repeats)

    def _items(self, count: int) -> list[SignatureItem]:
        """The keys taking turns."""
        return [self._signed[number % self._plan.keys] for number in range(count)]

    def _fresh(self) -> list[SignatureItem]:
        return self._signed[: self._plan.fresh_keys]

    def _one_core(self, repeats: int) -> dict[str, Timing]:
        """The fastest engine of the processor, in one thread."""
        known, fresh, engine = self._items(256), self._fresh(), one_core()
        engine.pin([item.public_key for item in known])
        known_timing = measure(partial(engine.verify, known), repeats=repeats, operations=256)
        engine.pin([])
        new_timing = measure(partial(engine.verify, fresh), repeats=repeats, operations=len(fresh))
        return {"known": known_timing, "new": new_timing}

    def _resident_rows(self, count: int, core: dict[str, Timing], repeats: int) -> Iterator[Row]:
        """Everything is on the device already: kernels alone, and each of them."""
        resident = Resident(self._device, self._items(count))
        work = partial(resident.run, resident.verification)
        timing = measure(work, repeats=repeats, operations=count)
        assert resident.all_valid(), "a valid signature was refused"
        yield _row(f"resident, known keys, batch of {count}", timing, core["known"])
        if count == max(self._plan.resident):
            for order in resident.verification:
                work = partial(resident.run, [order])
                timing = measure(work, repeats=repeats, operations=count)
                yield _row(f"  kernel {order[0]}", timing, core["known"])
        if count > self._plan.fresh_keys:
            return
        resident = Resident(self._device, self._fresh()[:count])
        work = partial(resident.run, [*resident.expansion, *resident.verification])
        timing = measure(work, repeats=repeats, operations=count)
        assert resident.all_valid(), "a valid signature was refused"
        yield _row(f"resident, a new key each, batch of {count}", timing, core["new"])
        if count == max(each for each in self._plan.resident if each <= self._plan.fresh_keys):
            for order in resident.expansion:
                timing = measure(partial(resident.run, [order]), repeats=repeats, operations=count)
                yield _row(f"  kernel {order[0]}", timing, core["new"])

    def _from_host_row(self, count: int, core: dict[str, Timing], repeats: int) -> Row:
        """From Python objects to Python objects, keys pinned."""
        engine, items = GpuEngine(self._device, self._limits), self._items(count)
        engine.pin([item.public_key for item in self._signed[: self._plan.keys]])
        assert all(engine.verify(items))
        timing = measure(partial(engine.verify, items), repeats=repeats, operations=count)
        return _row(f"from host bytes, known keys, batch of {count}", timing, core["known"])

    def _strange_row(self, core: dict[str, Timing], repeats: int) -> Row:
        limits = Limits(
            self._limits.items, self._limits.fresh_keys, self._limits.message_bytes, recent_keys=0
        )
        engine, items = GpuEngine(self._device, limits), self._fresh()
        assert all(engine.verify(items))
        timing = measure(partial(engine.verify, items), repeats=repeats, operations=len(items))
        name = f"from host bytes, a new key each, batch of {len(items)}"
        return _row(name, timing, core["new"])

    def _hash_rows(self, repeats: int) -> Iterator[Row]:
        hashes, count = GpuHashes(self._device, self._hash_limits), self._plan.hashes
        messages = [number.to_bytes(4, "big") * 16 for number in range(count)]
        pairs: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
            "keyed BLAKE3": (
                partial(hashes.keyed_hash_many, KEY, messages),
                partial(keyed_hash_many, KEY, messages),
            ),
            "Keccak-256": (
                partial(hashes.keccak256_many, messages),
                partial(keccak256_many, messages),
            ),
        }
        for name, pair in pairs.items():
            yield _beside(f"{name}, {count} of 64 B, from host", pair, count, repeats)

    def _tree_rows(self, repeats: int) -> Iterator[Row]:
        hashes = GpuHashes(self._device, self._hash_limits)
        for count in self._plan.leaves:
            leaves = [number.to_bytes(4, "big") * 8 for number in range(count)]
            pair = partial(hashes.merkle_root, leaves), partial(merkle_root, leaves)
            yield _beside(f"Merkle root of {count} leaves, a leaf, from host", pair, count, repeats)

    def _tally_row(self, repeats: int) -> Row:
        """Votes of many groups, verified and counted, against the same on one core."""
        groups, chance = self._plan.vote_groups, random.Random(1)
        count = groups * VALIDATORS
        items = self._items(count)
        votes = Votes(
            [number // VALIDATORS for number in range(count)],
            [number % VALIDATORS for number in range(count)],
        )
        stakes = [chance.randrange(1 << 50) for _ in range(VALIDATORS)]
        core, engine = one_core(), GpuEngine(self._device, self._limits)
        for each in (core, engine):
            each.pin([item.public_key for item in items])
        counter = VoteCounter(engine)

        def on_host() -> object:
            verdicts = core.verify(items)
            return verdicts, tally_votes(verdicts, votes, stakes, groups)

        def on_device() -> object:
            return counter.verify_and_tally(items, votes, stakes, groups)

        what = f"votes of {groups} groups of {VALIDATORS}, verified and counted, a vote"
        return _beside(what, (on_device, on_host), count, repeats)


def one_core() -> OpenSSLEngine | VectorEngine:
    """The fastest engine of the processor in one thread; it keeps no keys but the pinned ones."""
    name = next(iter(ENGINES))
    if name == OpenSSLEngine.name:
        return OpenSSLEngine(1)
    return VectorEngine(name, 1, recent_keys_max=0)


class Resident:
    """A batch that is on the device, and the orders that verify it."""

    def __init__(self, device: Device, items: list[SignatureItem]) -> None:
        sizes, messages = SIZES[Algorithm.ML_DSA_65], read_messages(Columns.of(items), pure=True)
        keys = list(dict.fromkeys(item.public_key for item in items))
        size = staging_bytes(sizes, len(items), messages.size, len(keys))
        self._device, self._count = device, len(items)
        self._stream: Stream = device.open_stream()
        self._space = Workspace.allocate(device, sizes, len(items), len(keys), size)
        first, step = self._space.scratch_keys.address, sizes.expanded_key_bytes
        fresh = {key: first + number * step for number, key in enumerate(keys)}
        staging = device.allocate_pinned(size)
        addresses = [fresh[item.public_key] for item in items]
        signatures = [item.signature for item in items]
        at = write(staging, self._space.staged, signatures, messages, addresses, fresh, None)
        self._stream.upload(staging, self._space.staged, at.size)
        self.expansion = orders_to_expand(sizes, at, len(keys))
        self.verification = orders_to_verify(sizes, self._space, at, len(items))
        self.run([*self.expansion, *self.verification])

    def run(self, orders: Sequence[Order]) -> None:
        """Returns when the device has done that."""
        for order in orders:
            launch(self._stream, *order)
        self._stream.mark().synchronize()

    def all_valid(self) -> bool:
        """Whether the last run accepted all."""
        verdicts = self._device.allocate_pinned(self._count)
        self._stream.download(self._space.verdicts, verdicts, self._count)
        self._stream.mark().synchronize()
        return bytes(verdicts.view) == b"\1" * self._count


def _beside(
    name: str, pair: tuple[Callable[[], object], Callable[[], object]], count: int, repeats: int
) -> Row:
    """The device and one core by turns, with the same results."""
    assert pair[0]() == pair[1](), name
    device, core = measure_by_turns(pair, repeats=repeats, operations=count)
    return _row(name, device, core)


def _row(name: str, timing: Timing, core: Timing) -> Row:
    us = timing.median_s * 1e6
    return {
        "name": name,
        "us": round(us, 4),
        "us_low": round(timing.low_s * 1e6, 4),
        "us_high": round(timing.high_s * 1e6, 4),
        "per_second": round(1 / timing.median_s),
        "cores": f"{core.median_s / timing.median_s:.1f}",
    }
