"""The host's part: what goes to the device when, which keys stay there, and what failure means."""

import random
from dataclasses import replace
from typing import Any

import pytest

from native.gpu.device import DeviceFailed, Memory
from native.gpu.emulated_device import EmulatedDevice, EmulatedStream, emulation
from native.gpu.engine import GpuEngine
from native.gpu.keys import ResidentKeys
from native.gpu.pipeline import Limits
from native.signatures import Algorithm, SignatureItem
from tests.builders_signatures import keys_of, make_item

needs_emulation = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")

SMALL = Limits(items=4, fresh_keys=2, message_bytes=8_192, recent_keys=2)
KEY_BYTES = 100


class Shelf:
    """Memory that nobody reads."""

    name = "shelf"

    def __init__(self) -> None:
        self.next = 1_000

    def allocate(self, size: int) -> Memory:
        address, self.next = self.next, self.next + size
        return Memory(address, size, None)

    def allocate_pinned(self, size: int) -> None:  # pragma: no cover - not asked for
        raise AssertionError

    def open_stream(self) -> None:  # pragma: no cover - not asked for
        raise AssertionError


def make_keys(recent_max: int = 4) -> tuple[ResidentKeys, Memory]:
    shelf = Shelf()
    keys = ResidentKeys(shelf, KEY_BYTES, recent_max)  # type: ignore[arg-type]  # half a device
    return keys, shelf.allocate(100 * KEY_BYTES)


def names(*numbers: int) -> list[bytes]:
    return [b"key %d" % number for number in numbers]


def in_scratch(address: int, scratch: Memory) -> bool:
    return scratch.address <= address < scratch.address + scratch.size


def test_a_key_is_kept_at_its_second_sight() -> None:
    keys, scratch = make_keys()
    first = keys.place(names(1, 2, 1), scratch)
    assert list(first.fresh) == names(1, 2)
    assert all(in_scratch(address, scratch) for address in first.addresses)
    one, two, again = first.addresses
    assert one == again != two
    assert not first.changes_residents
    second = keys.place(names(2, 3), scratch)
    assert list(second.fresh) == names(2, 3)
    assert not in_scratch(second.addresses[0], scratch)
    assert in_scratch(second.addresses[1], scratch)
    assert second.changes_residents
    third = keys.place(names(2), scratch)
    assert third.fresh == {}
    assert third.addresses == second.addresses[:1]
    assert (keys.hits, keys.misses) == (1, 5)


def test_a_flood_of_new_keys_evicts_nothing() -> None:
    keys, scratch = make_keys()
    for _ in range(2):
        keys.place(names(1, 2, 3, 4), scratch)
    for number in range(100, 1_000):
        keys.place(names(number), scratch)
    assert keys.missing(names(1, 2, 3, 4)) == []
    assert (keys.recent, keys.evictions) == (4, 0)


def test_the_key_that_was_not_used_for_longest_makes_room() -> None:
    keys, scratch = make_keys(2)
    for _ in range(2):
        keys.place(names(1, 2), scratch)
    keys.place(names(1), scratch)
    for _ in range(2):
        keys.place(names(3), scratch)
    assert keys.missing(names(1, 2, 3)) == names(2)
    assert (keys.recent, keys.evictions) == (2, 1)


def test_a_batch_never_evicts_its_own_keys() -> None:
    keys, scratch = make_keys(2)
    keys.place(names(1, 2, 3, 4, 5), scratch)
    placed = keys.place(names(1, 2, 3, 4, 5), scratch)
    assert len(set(placed.addresses)) == 5
    assert keys.recent == 2
    again = keys.place(names(1, 2, 6, 3), scratch)
    assert len(set(again.addresses)) == 4


def test_pinned_keys_stay_and_give_back_their_places_among_the_others() -> None:
    keys, scratch = make_keys(2)
    for _ in range(2):
        keys.place(names(1, 2), scratch)
    addresses, memory = keys.allocate_pinned(names(1, 7, 1))
    assert sorted(addresses) == sorted(names(1, 7))
    keys.pin(addresses, memory)
    assert (keys.pinned, keys.recent) == (2, 1)
    for _ in range(2):
        placed = keys.place(names(1, 3), scratch)
    assert placed.addresses[0] == addresses[b"key 1"]
    assert keys.missing(names(1, 2, 3, 7)) == []
    keys.pin(*keys.allocate_pinned([]))
    assert keys.missing(names(1, 7)) == names(1, 7)


def test_a_cache_of_no_keys_keeps_none() -> None:
    keys, scratch = make_keys(0)
    for _ in range(3):
        assert list(keys.place(names(1), scratch).fresh) == names(1)


def mixed_batches() -> list[tuple[list[SignatureItem], list[bool]]]:
    """Under more keys than stay on the device, each twice and more."""
    chance = random.Random(3)
    items = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 7)]
    batches = []
    for _ in range(8):
        batch = [chance.choice(items) for _ in range(30)]
        expected = [chance.random() < 0.7 for _ in batch]
        wrong = [replace(item, message=b"another") for item in batch]
        pairs = zip(batch, wrong, expected, strict=True)
        batches.append(([good if valid else bad for good, bad, valid in pairs], expected))
    return batches


@needs_emulation
def test_streams_that_share_keys_wait_for_each_other() -> None:
    engine = GpuEngine(EmulatedDevice(), SMALL)
    for batch, expected in mixed_batches():
        assert engine.verify(batch) == expected
    counters = engine.cache_counters()
    assert counters["evictions"] > 0
    assert counters["hits"] > 0


@needs_emulation
def test_the_emulation_notices_streams_that_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmulatedStream, "wait", lambda self, mark: None)
    engine = GpuEngine(EmulatedDevice(), SMALL)
    assert any(engine.verify(batch) != expected for batch, expected in mixed_batches())


@needs_emulation
def test_limits_of_a_batch_hold() -> None:
    sizes: list[tuple[str, int]] = []

    class Watching(EmulatedStream):
        def launch(self, kernel: str, blocks: int, lanes: int, arguments: object) -> None:
            sizes.append((kernel, blocks))
            super().launch(kernel, blocks, lanes, arguments)  # type: ignore[arg-type]

    class WatchedDevice(EmulatedDevice):
        def open_stream(self) -> EmulatedStream:
            return Watching(False)

    engine = GpuEngine(WatchedDevice(), SMALL)
    items = [make_item(key, bytes(3_000)) for key in keys_of(Algorithm.ML_DSA_44, 9)]
    assert engine.verify(items) == [True] * 9
    assert max(blocks for kernel, blocks in sizes if kernel == "recover_44") <= 2  # 8,192 bytes
    assert max(blocks for kernel, blocks in sizes if kernel == "transform_t1_44") <= 2
    sizes.clear()
    small = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 1)] * 9
    assert engine.verify(small) == [True] * 9
    assert [blocks for kernel, blocks in sizes if kernel == "recover_44"] == [4, 4, 1]


@needs_emulation
def test_a_flood_of_new_keys_is_verified_and_not_kept() -> None:
    engine = GpuEngine(EmulatedDevice(), SMALL)
    known = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 3)]
    engine.pin([known[0].public_key])
    for _ in range(2):
        assert engine.verify(known) == [True] * 3
    flood = [
        SignatureItem(number.to_bytes(4, "big") * 328, b"", b"", bytes(2420))
        for number in range(50)
    ]
    assert not any(engine.verify(flood))
    counters = engine.cache_counters()
    assert (counters["evictions"], counters["pinned"], counters["recent"]) == (0, 1, 2)
    hits = counters["hits"]
    assert engine.verify(known) == [True] * 3
    assert engine.cache_counters()["hits"] == hits + 3


@needs_emulation
def test_a_device_without_memory_ends_the_engine_for_good() -> None:
    item = make_item(keys_of(Algorithm.ML_DSA_87, 1)[0])
    engine = GpuEngine(EmulatedDevice(memory_max_bytes=1_000), SMALL)
    for _ in range(2):
        with pytest.raises(DeviceFailed, match="out of memory"):
            engine.verify([item])
    with pytest.raises(DeviceFailed, match="out of memory"):
        engine.pin([])


@needs_emulation
def test_a_device_that_works_again_is_not_believed() -> None:
    class Moody(EmulatedDevice):
        is_well = True

        def allocate(self, size: int) -> Memory:
            if not self.is_well:
                raise DeviceFailed("it fell off the bus")
            return super().allocate(size)

    device = Moody()
    engine = GpuEngine(device, SMALL)
    item = make_item(keys_of(Algorithm.ML_DSA_44, 1)[0])
    for is_well in (False, True):
        device.is_well = is_well
        with pytest.raises(DeviceFailed, match="off the bus"):
            engine.verify([item])


@needs_emulation
def test_after_what_is_not_an_item_the_next_verdicts_are_right() -> None:
    engine = GpuEngine(EmulatedDevice(), SMALL)
    item = make_item(keys_of(Algorithm.ML_DSA_44, 1)[0])
    text: Any = "text"
    wrong = replace(item, message=text)
    for place in (0, 5, 9):
        items = [item] * 10
        items[place] = wrong
        with pytest.raises(TypeError):
            engine.verify(items)
        assert engine.verify([replace(item, message=b"another")]) == [False]
        assert engine.verify([item] * 10) == [True] * 10


@needs_emulation
def test_a_key_whose_expansion_never_began_is_not_on_the_device() -> None:
    engine = GpuEngine(EmulatedDevice(), SMALL)
    item = make_item(keys_of(Algorithm.ML_DSA_44, 1)[0])
    text: Any = "x" * len(item.signature)
    wrong = replace(item, signature=text)
    for _ in range(3):  # at the second sight it would be kept
        with pytest.raises(TypeError):
            engine.verify([wrong])
    assert engine.cache_counters()["recent"] == 0
    assert engine.verify([item]) == engine.verify([item]) == [True]


@needs_emulation
def test_memory_of_keys_that_are_pinned_no_longer_is_given_back() -> None:
    device = EmulatedDevice(memory_max_bytes=3_000_000)
    engine = GpuEngine(device, SMALL)
    public_keys = [key.public_key for key in keys_of(Algorithm.ML_DSA_44, 20)]
    for _ in range(20):
        engine.pin(public_keys)
    assert engine.cache_counters()["pinned"] == 20
