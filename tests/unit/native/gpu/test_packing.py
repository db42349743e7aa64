"""What goes to a device in one copy: the kernels fill the bytes that the loops in Python fill."""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from native.compiled import kernels
from native.gpu import packing
from native.gpu.columns import Columns
from native.gpu.device import Memory, PinnedMemory
from native.gpu.emulated_device import EmulatedDevice, emulation
from native.gpu.engine import GpuEngine
from native.gpu.packing import (
    NO_KIND,
    Messages,
    slow_kinds_of,
    slow_message_sizes,
    slow_put_messages,
    slow_put_parts,
)
from native.gpu.pipeline import Limits
from native.gpu.sizes import SIZES
from native.gpu.staging import HOST_HASHES_ABOVE_BYTES, read_messages, staging_bytes, write
from native.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Algorithm, SignatureItem
from native.tally import Votes
from tests.builders_signatures import keys_of, make_item, openssl
from tests.unit.native.meanwhile import others_go_on

needs_kernels = pytest.mark.skipif(kernels is None, reason="installed without a C++ compiler")
needs_emulation = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")

LENGTHS = (0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 200, 1_000)


def drawn_items(chance: random.Random, count: int) -> list[SignatureItem]:
    """Of all parameter sets and of none, with messages and contexts of any lengths."""
    return [drawn_item(chance) for _ in range(count)]


def drawn_item(chance: random.Random) -> SignatureItem:
    keys, signatures = list(PUBLIC_KEY_BYTES.values()), list(SIGNATURE_BYTES.values())
    at = chance.randrange(3)
    key_size, signature_size = keys[at], signatures[at]
    if chance.random() < 0.3:
        key_size = chance.choice([0, key_size - 1, key_size + 1, *keys])
        signature_size = chance.choice([0, signature_size - 1, signature_size + 1, *signatures])
    limit = HOST_HASHES_ABOVE_BYTES
    message = chance.choice([*LENGTHS, limit - 2, limit - 1, limit, limit + 1, 10_000])
    context = chance.choice([0, 0, 1, 15, 254, 255, 256, 300])
    sizes = key_size, message, context, signature_size
    return SignatureItem(*(chance.randbytes(size) for size in sizes))


def buffer_of(size: int) -> PinnedMemory:
    """Not zero, so that bytes that one twin leaves alone show."""
    return PinnedMemory(0, memoryview(bytearray(b"\xa5" * size)))


def by_both(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[object]:
    """What the kernels make of it, and what Python does."""
    results = [work()]
    monkeypatch.setattr(packing, "kernels", None)
    results.append(work())
    monkeypatch.undo()
    return results


def staged(items: Sequence[SignatureItem], *, pure: bool) -> object:
    """Everything that is known of a batch of any items, and the bytes of its copies."""
    columns, copies = Columns.of(items), list[object]()
    found = columns.places_by_algorithm()
    for algorithm, places in found:
        mine = columns.at(places)
        messages = read_messages(mine, pure=pure)
        fresh = {key: 1_000 + number for number, key in enumerate(mine.public_keys[::2])}
        size = staging_bytes(SIZES[algorithm], len(places), messages.size, len(fresh))
        buffer, keys = buffer_of(size), list(range(len(places)))
        votes = Votes([7] * len(places), keys) if pure else None
        at = write(buffer, Memory(4_096, size, None), mine.signatures, messages, keys, fresh, votes)
        copies.append((at, messages.size, bytes(messages.is_hashed), bytes(buffer.view)))
    return found, copies


@needs_kernels
@pytest.mark.parametrize("pure", [True, False])
def test_both_fill_the_same_bytes_with_mixed_and_bad_items(
    pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    for count in (0, 1, 2, 3, 40, 150):
        items = drawn_items(chance, count)
        fast, slow = by_both(monkeypatch, partial(staged, items, pure=pure))
        assert fast == slow
    assert {algorithm for algorithm, _ in fast[0]} == set(Algorithm)  # type: ignore[index]


@needs_kernels
def test_both_know_the_lengths_of_fips_204() -> None:
    chance = random.Random(2)
    columns = Columns.of(drawn_items(chance, 500))
    parts = columns.public_keys, columns.contexts, columns.signatures
    kinds = kernels.kinds_of(*parts)
    assert kinds == slow_kinds_of(*parts)
    assert set(kinds) == {NO_KIND, *Algorithm}
    for contexts in (None, [context[:255] for context in columns.contexts]):
        expected = slow_message_sizes(contexts, columns.messages)
        assert kernels.message_sizes(contexts, columns.messages) == expected


@needs_kernels
def test_parts_of_any_length_come_to_any_place() -> None:
    """Past the caches whole lines are written, before and behind them bytes."""
    chance = random.Random(3)
    for start in (0, 1, 15, 16, 17, 63, 64, 65):
        parts = [chance.randbytes(length) for length in LENGTHS * 2 + (3_309, 4_627)]
        end = start + sum(map(len, parts))
        fast, slow = buffer_of(end + 100).view, buffer_of(end + 100).view
        assert kernels.put_parts(fast, start, parts) == end
        assert slow_put_parts(slow, start, parts) == end
        assert fast == slow


def put_whole(view: memoryview, ends_start: int, start: int, messages: Messages) -> int:
    rest = messages.contexts, messages.parts, messages.is_hashed
    return kernels.put_messages(view, ends_start, start, *rest)


@needs_kernels
def test_what_does_not_fit_is_refused_by_both_and_nothing_written_behind_the_end() -> None:
    messages = Messages([b"c", b""], [b"one", b"another"], b"\0\1", 13)
    for size, ends_start, start in ((20, 0, 8), (21, 17, 0), (7, 0, 7), (21, 0, 22)):
        for put in (put_whole, slow_put_messages):
            buffer = buffer_of(size + 8).view
            with pytest.raises(ValueError, match="do not fit"):
                put(buffer[:size], ends_start, start, messages)
            assert bytes(buffer[size:]) == b"\xa5" * 8
    for put in (put_whole, slow_put_messages):
        buffer = buffer_of(21).view
        assert put(buffer, 0, 8, messages) == 21
        assert bytes(buffer) == bytes((6, 0, 0, 0, 13, 0, 0, 0)) + b"\0\1cone" + b"another"
    for put_all in (kernels.put_parts, slow_put_parts):
        with pytest.raises(ValueError, match="do not fit"):
            put_all(buffer_of(9).view, 4, [b"123", b"456"])
    with pytest.raises(ValueError, match="do not fit"):
        kernels.put_parts(buffer_of(9).view, -1, [b"1"])


@needs_kernels
def test_whatever_is_no_column_is_refused() -> None:
    view, read_only, some = buffer_of(100).view, memoryview(bytes(100)), [b"1", b"2"]
    text: Any = ["text", "text"]
    wrongs: list[tuple[type[Exception], Callable[[], object]]] = [
        (TypeError, lambda: kernels.put_parts(view, 0, text)),
        (TypeError, lambda: kernels.put_parts(view, 0, 7)),  # type: ignore[arg-type]
        (TypeError, lambda: kernels.put_parts("text", 0, some)),  # type: ignore[arg-type]
        (BufferError, lambda: kernels.put_parts(read_only, 0, some)),
        (TypeError, lambda: kernels.put_messages(view, 0, 8, text, some, b"\0\0")),
        (TypeError, lambda: kernels.put_messages(view, 0, 8, some, text, b"\0\0")),
        (ValueError, lambda: kernels.put_messages(view, 0, 8, some[1:], some, b"\0\0")),
        (ValueError, lambda: kernels.put_messages(view, 0, 8, some, some, b"\0")),
        (ValueError, lambda: kernels.put_messages(view, 0, 8, [bytes(256)] * 2, some, b"\0\0")),
        (TypeError, lambda: kernels.message_sizes(None, text)),
        (ValueError, lambda: kernels.message_sizes(some[1:], some)),
        (TypeError, lambda: kernels.kinds_of(some, some, text)),
        (ValueError, lambda: kernels.kinds_of(some, some[1:], some)),
        (ValueError, lambda: kernels.kinds_of(some, some, some[1:])),
    ]
    for error, work in wrongs:
        with pytest.raises(error):
            work()
    assert bytes(view) == b"\xa5" * 100


@needs_kernels
def test_what_was_packed_is_let_go() -> None:
    parts, view = [bytes(100) for _ in range(9)], buffer_of(2_000).view
    counts = [sys.getrefcount(part) for part in parts]
    for _ in range(20):
        kernels.put_parts(view, 0, parts)
        kernels.put_messages(view, 0, 36, parts, parts, bytes(9))
        kernels.kinds_of(parts, parts, parts)
        with pytest.raises(TypeError):
            kernels.put_parts(view, 0, [*parts, 7])  # type: ignore[list-item]
    assert [sys.getrefcount(part) for part in parts] == counts
    view.release()  # BufferError if somebody still held it


@needs_kernels
def test_other_threads_go_on_while_bytes_are_copied() -> None:
    parts, view = [bytes(1 << 20)] * 16, buffer_of(17 << 20).view
    none = bytes(len(parts))
    assert others_go_on(lambda: kernels.put_parts(view, 0, parts))
    assert others_go_on(lambda: kernels.put_messages(view, 0, 64, None, parts, none))
    assert not others_go_on(lambda: slow_put_parts(view, 0, parts[:1])), "Python holds the lock"


@needs_emulation
def test_without_the_kernels_python_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [make_item(key) for algorithm in Algorithm for key in keys_of(algorithm, 3)]
    items += [replace(item, context=b"another") for item in items]
    items += [replace(items[0], signature=b""), replace(items[0], context=bytes(256))]
    items += [replace(items[1], message=bytes(HOST_HASHES_ABOVE_BYTES + 1))]
    limits = Limits(items=4, fresh_keys=2, message_bytes=8_192, recent_keys=2)
    fast, slow = by_both(monkeypatch, lambda: GpuEngine(EmulatedDevice(), limits).verify(items))
    assert fast == slow == openssl(items)
