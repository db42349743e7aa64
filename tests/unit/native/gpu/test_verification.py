"""The GPU's algorithm, run lane by lane on this processor, against NIST's vectors and OpenSSL."""

import hashlib
import json
import random
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from native.compiled import kernels
from native.gpu.columns import Columns
from native.gpu.emulated_device import EmulatedDevice, emulation
from native.gpu.engine import GpuEngine
from native.gpu.kernels import launch
from native.gpu.pipeline import Limits
from native.gpu.sizes import SIZES
from native.gpu.staging import HOST_HASHES_ABOVE_BYTES, read_messages, staging_bytes, write
from native.gpu.steps import Workspace, orders_to_expand, orders_to_verify
from native.signatures import CONTEXT_MAX_BYTES, Algorithm, SignatureItem
from tests.builders_signatures import (
    CHALLENGE_BYTES,
    OMEGA,
    ROWS,
    keys_of,
    make_item,
    mutate,
    openssl,
    require_isolated,
)

VECTORS = Path(__file__).parents[3] / "vectors"

pytestmark = pytest.mark.skipif(emulation is None, reason="installed without a C++ compiler")
each_order = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda each: each.name)

SMALL = Limits(items=16, fresh_keys=8, message_bytes=16_384, recent_keys=4)
"""So that a batch takes several turns of both streams, and keys are evicted."""


KEYS_OF_ALL = [key for algorithm in Algorithm for key in keys_of(algorithm, 3)]


def make_engine(backwards: bool = False, limits: Limits = SMALL) -> GpuEngine:
    return GpuEngine(EmulatedDevice(backwards=backwards), limits)


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


@each_order
def test_nists_vectors_of_the_pure_interface(backwards: bool) -> None:
    cases = read("ml_dsa_65_sig_ver_pure.json")["tests"]
    items = [
        SignatureItem(
            *(bytes.fromhex(case[part]) for part in ("pk", "message", "context", "signature"))
        )
        for case in cases
    ]
    assert make_engine(backwards).verify(items) == [case["testPassed"] for case in cases]
    assert {case["testPassed"] for case in cases} == {True, False}


@each_order
def test_nists_vectors_of_the_internal_interface(backwards: bool) -> None:
    items, expected, seen = [], [], set()
    for group in read("ml_dsa_sig_ver_internal.json")["testGroups"]:
        for case in group["tests"]:
            parts = (group["pk"], case["message"], "", case["signature"])
            items.append(SignatureItem(*map(bytes.fromhex, parts)))
            expected.append(case["testPassed"])
            seen.add((group["parameterSet"], case["testPassed"]))
    assert len(seen) == 6
    assert make_engine(backwards).verify_internal(items) == expected


@each_order
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65])
def test_one_bad_signature_changes_no_other_verdict(backwards: bool, count: int) -> None:
    require_isolated(make_engine(backwards), count)


@each_order
@each_algorithm
def test_messages_of_any_lengths_side_by_side(backwards: bool, algorithm: Algorithm) -> None:
    """Of one block and more, on the device and, above a limit, on the host."""
    key, limit = keys_of(algorithm, 1)[0], HOST_HASHES_ABOVE_BYTES
    lengths = [0, 1, 68, 69, 70, 71, 72, 135, 136, 137, 204, 205, 1_000]
    lengths += [*range(limit - 4, limit + 2), 65_536]
    items = [make_item(key, bytes(length), bytes(length % 2)) for length in lengths]
    assert make_engine(backwards).verify(items) == [True] * len(items)
    mixed = [*items, *(replace(item, context=item.context + b"\1") for item in items)]
    mixed += [replace(item, message=item.message + b"\1") for item in items]
    random.Random(1).shuffle(mixed)
    assert make_engine(backwards).verify(mixed) == openssl(mixed)


def test_long_messages_are_hashed_under_their_own_keys() -> None:
    long = bytes(HOST_HASHES_ABOVE_BYTES)
    items = [make_item(key, long + bytes([place])) for place, key in enumerate(KEYS_OF_ALL)]
    swapped = [replace(item, public_key=items[0].public_key) for item in items[1:3]]
    assert make_engine().verify(items + swapped) == [True] * len(items) + [False, False]


def test_what_has_a_wrong_length_is_false() -> None:
    item = make_item(keys_of(Algorithm.ML_DSA_65, 1)[0])
    items = [
        replace(item, signature=b""),
        replace(item, signature=item.signature[:-1]),
        replace(item, signature=item.signature + b"\0"),
        replace(item, public_key=b""),
        replace(item, public_key=item.public_key[:-1]),
        replace(item, public_key=item.public_key + b"\0"),
        replace(item, context=bytes(CONTEXT_MAX_BYTES + 1)),
    ]
    assert make_engine().verify([*items, item]) == [False] * len(items) + [True]


def test_a_context_that_is_too_long_spoils_only_its_item() -> None:
    item = make_item(keys_of(Algorithm.ML_DSA_65, 1)[0])
    items = [item, item, replace(item, context=bytes(CONTEXT_MAX_BYTES + 1)), item]
    assert make_engine().verify(items) == [True, True, False, True]


@each_order
@each_algorithm
def test_the_norm_of_a_response_is_bounded(backwards: bool, algorithm: Algorithm) -> None:
    """By gamma1 - beta, strictly: alone, without the hash that no such response would match."""
    gamma1, beta, bits = {
        Algorithm.ML_DSA_44: (1 << 17, 78, 18),
        Algorithm.ML_DSA_65: (1 << 19, 196, 20),
        Algorithm.ML_DSA_87: (1 << 19, 120, 20),
    }[algorithm]
    item = make_item(keys_of(algorithm, 1)[0])
    last = {Algorithm.ML_DSA_44: 4, Algorithm.ML_DSA_65: 5, Algorithm.ML_DSA_87: 7}[algorithm] - 1
    items, expected = [], []
    for column, place in ((0, 0), (0, 255), (1, 100), (last, 1), (last, 254), (last, 255)):
        for z in (gamma1, gamma1 - beta, gamma1 - beta - 1, 0):
            for response in {z, max(-z, 1 - gamma1)}:
                items.append(
                    with_response(item, algorithm, bits, column * 256 + place, gamma1 - response)
                )
                expected.append(abs(response) < gamma1 - beta)
    assert {True, False} == set(expected)
    assert verdicts_before("compare", items, algorithm, backwards) == expected


def with_response(
    item: SignatureItem, algorithm: Algorithm, bits: int, index: int, code: int
) -> SignatureItem:
    """`code` in place of coefficient number `index` of z (FIPS 204, algorithm 17)."""
    start = CHALLENGE_BYTES[algorithm]
    end = len(item.signature) - OMEGA[algorithm] - ROWS[algorithm]
    packed = int.from_bytes(item.signature[start:end], "little")
    mask = ((1 << bits) - 1) << index * bits
    packed = packed & ~mask | code << index * bits
    signature = item.signature[:start] + packed.to_bytes(end - start, "little")
    return replace(item, signature=signature + item.signature[end:])


@each_order
@each_algorithm
def test_every_byte_of_the_challenge_is_compared(backwards: bool, algorithm: Algorithm) -> None:
    """Alone: before, another challenge makes everything else another, too."""
    size = CHALLENGE_BYTES[algorithm]
    items = [make_item(keys_of(algorithm, 1)[0])] * (size + 1)

    def flipped(place: int, signature: bytes) -> bytes:
        changed = bytearray(signature)
        changed[place] ^= 1 << place % 8 if place < size else 0
        return bytes(changed)

    verdicts = verdicts_before("compare", items, algorithm, backwards, flipped)
    assert verdicts == [False] * size + [True]


@each_order
@each_algorithm
def test_hints_are_read_by_the_book(backwards: bool, algorithm: Algorithm) -> None:
    """Alone, without the hash that no wrong hints would match: drawn ones against algorithm 21."""
    item, chance = make_item(keys_of(algorithm, 1)[0]), random.Random(algorithm)
    omega, rows = OMEGA[algorithm], ROWS[algorithm]
    encodings = [encode_hints(chance, omega, rows) for _ in range(400)]
    for encoding in encodings[100:]:
        for _ in range(chance.choice([1, 1, 2])):
            at = chance.choice([chance.randrange(omega + rows), omega + chance.randrange(rows)])
            neighbour = encoding[at - 1]
            steps = [neighbour, neighbour + 1, encoding[at] + 1, encoding[at] + 255]
            encoding[at] = chance.choice([0, omega, omega + 1, *steps]) % 256
    expected = [has_hints(encoding, omega, rows) for encoding in encodings]
    assert expected[:100] == [True] * 100
    assert 30 < expected[100:].count(True) < 270
    start = len(item.signature) - omega - rows
    items = [replace(item, signature=item.signature[:start] + bytes(each)) for each in encodings]
    assert verdicts_before("recover", items, algorithm, backwards) == expected


def encode_hints(chance: random.Random, omega: int, rows: int) -> bytearray:
    """Valid ones, of any number (algorithm 20)."""
    ends = sorted(chance.choice([0, omega, chance.randrange(omega + 1)]) for _ in range(rows))
    places = bytearray()
    for first, end in zip([0, *ends], ends, strict=False):
        places += bytes(sorted(chance.sample(range(256), end - first)))
    return places + bytes(omega - len(places)) + bytes(ends)


def has_hints(encoding: bytearray, omega: int, rows: int) -> bool:
    """Algorithm 21, line by line."""
    index = 0
    for row in range(rows):
        if encoding[omega + row] < index or encoding[omega + row] > omega:
            return False
        first = index
        while index < encoding[omega + row]:
            if index > first and encoding[index - 1] >= encoding[index]:
                return False
            index += 1
    return not any(encoding[index:omega])


def verdicts_before(
    kernel: str,
    items: list[SignatureItem],
    algorithm: Algorithm,
    backwards: bool,
    change: Callable[[int, bytes], bytes] | None = None,
) -> list[bool]:
    """What the kernels up to that one leave of the verdicts; or that one, too, of changed ones."""
    device, sizes = EmulatedDevice(backwards=backwards), SIZES[algorithm]
    messages = read_messages(Columns.of(items), pure=True)
    size = staging_bytes(sizes, len(items), messages.size, 1)
    space = Workspace.allocate(device, sizes, len(items), 1, size)
    staging, stream = device.allocate_pinned(size), device.open_stream()
    fresh = {items[0].public_key: space.scratch_keys.address}
    addresses = [space.scratch_keys.address] * len(items)
    signatures = [item.signature for item in items]
    at = write(staging, space.staged, signatures, messages, addresses, fresh, None)
    stream.upload(staging, space.staged, at.size)
    orders = [*orders_to_expand(sizes, at, 1), *orders_to_verify(sizes, space, at, len(items))]
    stop = next(number for number, order in enumerate(orders) if order[0].startswith(kernel))
    for order in orders[:stop]:
        launch(stream, *order)
    stream.mark().synchronize()
    if change is not None:  # of signatures that other kernels saw as they were
        signatures = [change(number, item.signature) for number, item in enumerate(items)]
        write(staging, space.staged, signatures, messages, addresses, fresh, None)
        stream.upload(staging, space.staged, at.size)
        launch(stream, *orders[stop])
    stream.download(space.verdicts, staging, len(items))
    stream.mark().synchronize()
    return list(map(bool, staging.view[: len(items)]))


@each_order
@each_algorithm
def test_mutated_signatures_get_the_verdicts_of_openssl(
    backwards: bool, algorithm: Algorithm
) -> None:
    agree_on_mutations(make_engine(backwards), algorithm, 2_000, 200 + algorithm)


@pytest.mark.slow
@each_algorithm
def test_ten_thousand_mutated_signatures_get_the_verdicts_of_openssl(algorithm: Algorithm) -> None:
    engine = make_engine(limits=Limits(items=512, fresh_keys=64, recent_keys=16))
    agree_on_mutations(engine, algorithm, 10_000, 300 + algorithm)


def agree_on_mutations(engine: GpuEngine, algorithm: Algorithm, count: int, seed: int) -> None:
    chance = random.Random(seed)
    keys = keys_of(algorithm, 16)
    valid = [make_item(key, bytes([number])) for number, key in enumerate(keys * 2)]
    items = [mutate(chance.choice(valid), algorithm, chance) for _ in range(count)]
    expected = openssl(items)
    assert count // 100 < sum(expected) < count - count // 100
    assert engine.verify(items) == expected


@each_order
@each_algorithm
def test_hints_have_one_encoding(backwards: bool, algorithm: Algorithm) -> None:
    """Each rule of algorithm 21, broken in a signature that is valid otherwise."""
    item = make_item(keys_of(algorithm, 1)[0])
    omega, rows = OMEGA[algorithm], ROWS[algorithm]
    hints, counters = len(item.signature) - omega - rows, len(item.signature) - rows
    ends = list(item.signature[counters:])
    row = next(row for row in range(rows) if ends[row] - (ends[row - 1] if row else 0) > 1)
    first, used = hints + (ends[row - 1] if row else 0), ends[-1]

    def changed(*changes: tuple[int, int]) -> SignatureItem:
        signature = bytearray(item.signature)
        for at, value in changes:
            signature[at] = value
        return replace(item, signature=bytes(signature))

    swapped = (first, item.signature[first + 1]), (first + 1, item.signature[first])
    broken = [
        changed(*swapped),
        changed((first + 1, item.signature[first])),
        changed((counters + rows - 1, omega + 1)),
        changed((counters + rows - 1, 255)),
        changed((counters, used + 1)),
        changed((counters + rows - 1, used - 1)),
    ]
    if used < omega:
        broken += [changed((hints + used, 1)), changed((hints + omega - 1, 255))]
    engine = make_engine(backwards)
    assert engine.verify([item, *broken]) == [True] + [False] * len(broken)
    assert openssl(broken) == [False] * len(broken)


@each_order
@each_algorithm
def test_expanded_keys_are_those_of_the_processor(backwards: bool, algorithm: Algorithm) -> None:
    """Byte by byte; the processor's begin again where five blocks do not suffice."""
    engine = make_engine(backwards)
    public_keys = [key.public_key for key in keys_of(algorithm, 3)]
    engine.pin(public_keys)
    held = engine.expanded_keys(public_keys)
    assert held == [kernels.expand_key("portable", key, 0) for key in public_keys]


def test_a_polynomial_is_drawn_from_as_many_blocks_as_it_takes() -> None:
    seed = bytes(range(32))
    for row, column in ((0, 0), (5, 4), (7, 6)):
        bound, drawn = emulation.sample_below(seed, row, column)
        stream = hashlib.shake_128(seed + bytes([column, row])).digest(168 * 30)
        triples = (stream[at : at + 3] for at in range(0, len(stream), 3))
        candidates = (int.from_bytes(each, "little") & 0x7FFFFF for each in triples)
        accepted = [(at, each) for at, each in enumerate(candidates) if each < bound][:256]
        assert accepted[-1][0] >= 6 * 168 // 3, "it took more than six blocks"
        assert list(array("i", drawn)) == [each for _, each in accepted]


@pytest.mark.parametrize("skipped", [0, 1, 60, 90, 120, 127, 128, 129, 136, 200, 400])
def test_a_challenge_is_drawn_across_the_ends_of_blocks(skipped: int) -> None:
    seed = bytes(range(48))
    stream = iter(hashlib.shake_256(seed).digest(136 * 6)[skipped:])
    signs = int.from_bytes(bytes(next(stream) for _ in range(8)), "little")
    expected = [0] * 256
    for i in range(256 - 49, 256):
        j = next(each for each in stream if each <= i)
        expected[i] = expected[j]
        expected[j] = 1 - 2 * (signs & 1)
        signs >>= 1
    assert list(array("i", emulation.sample_ball_after(seed, skipped))) == expected


def test_threads_that_evict_each_others_keys_get_right_verdicts() -> None:
    engine = make_engine()
    items = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 9)]
    batches = []
    for start in range(20):
        batch = [items[(start + step) % 9] for step in range(20)]
        batch[start] = replace(batch[start], message=b"another")
        batches.append(batch)
    expected = [[place != start for place in range(20)] for start in range(20)]
    with ThreadPoolExecutor(4) as callers:
        pinning = [callers.submit(engine.pin, [each.public_key]) for each in items]
        assert list(callers.map(engine.verify, batches)) == expected
        for each in pinning:
            each.result()
