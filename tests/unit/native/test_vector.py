"""The kernels against FIPS 204's vectors and against OpenSSL, on every instruction set here."""

import json
import random
import re
import shutil
import subprocess
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from native.compiled import INSTRUCTION_SETS, kernels
from native.signatures import (
    CONTEXT_MAX_BYTES,
    PUBLIC_KEY_BYTES,
    Algorithm,
    SignatureItem,
)
from native.vector import VectorEngine
from tests.builders_signatures import (
    CHALLENGE_BYTES,
    keys_of,
    make_item,
    mutate,
    openssl,
    require_isolated,
)

VECTORS = Path(__file__).parents[2] / "vectors"
KERNELS = Path(__file__).parents[3] / "native" / "kernels"
Q = 8_380_417
N = 256

pytestmark = pytest.mark.skipif(not INSTRUCTION_SETS, reason="installed without a C++ compiler")
each_set = pytest.mark.parametrize("name", INSTRUCTION_SETS)
each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda each: each.name)


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


@each_set
def test_nists_vectors_of_the_pure_interface(name: str) -> None:
    engine = VectorEngine(name, 1)
    cases = read("ml_dsa_65_sig_ver_pure.json")["tests"]
    items = [
        SignatureItem(
            *(bytes.fromhex(case[part]) for part in ("pk", "message", "context", "signature"))
        )
        for case in cases
    ]
    assert engine.verify(items) == [case["testPassed"] for case in cases]
    assert {case["testPassed"] for case in cases} == {True, False}


@each_set
def test_nists_vectors_of_the_internal_interface(name: str) -> None:
    verifier = kernels.Verifier(name, 0)
    seen = set()
    for group in read("ml_dsa_sig_ver_internal.json")["testGroups"]:
        for case in group["tests"]:
            item = SignatureItem(
                bytes.fromhex(group["pk"]),
                bytes.fromhex(case["message"]),
                b"",
                bytes.fromhex(case["signature"]),
            )
            assert verifier.verify_internal([item]) == [case["testPassed"]], case["tcId"]
            seen.add((group["parameterSet"], case["testPassed"]))
    assert len(seen) == 6


@each_set
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65])
def test_one_bad_signature_changes_no_other_verdict(name: str, count: int) -> None:
    require_isolated(VectorEngine(name, 1), count)


@each_set
@each_algorithm
def test_messages_of_any_lengths_side_by_side(name: str, algorithm: Algorithm) -> None:
    key = keys_of(algorithm, 1)[0]
    lengths = [0, 1, 68, 69, 70, 71, 72, 135, 136, 137, 204, 205, 1_000, 65_536]
    items = [make_item(key, bytes(length), bytes(length % 256)) for length in lengths]
    assert VectorEngine(name, 1).verify(items) == [True] * len(items)
    wrong = [replace(item, context=item.context + b"\1") for item in items]
    mixed = [*items, *wrong]
    random.Random(1).shuffle(mixed)
    assert VectorEngine(name, 1).verify(mixed) == openssl(mixed)


@each_set
def test_what_has_a_wrong_length_is_false(name: str) -> None:
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
    assert VectorEngine(name, 1).verify([*items, item]) == [False] * len(items) + [True]


@each_set
def test_what_is_not_an_item_is_refused(name: str) -> None:
    engine = VectorEngine(name, 1)
    item: Any = make_item(keys_of(Algorithm.ML_DSA_44, 1)[0])
    wrongs: list[Any] = [None, b"item"]
    wrongs += [replace(item, message="text"), replace(item, public_key=None)]
    for wrong in wrongs:
        with pytest.raises((TypeError, AttributeError)):
            engine.verify([item, wrong])


@each_algorithm
def test_ten_thousand_mutated_signatures_get_the_verdicts_of_openssl(algorithm: Algorithm) -> None:
    chance = random.Random(100 + algorithm)
    keys = keys_of(algorithm, 16)
    valid = [make_item(key, bytes([number])) for number, key in enumerate(keys * 4)]
    items = [mutate(chance.choice(valid), algorithm, chance) for _ in range(10_000)]
    expected = openssl(items)
    assert 100 < sum(expected) < 9_900
    for name in INSTRUCTION_SETS:
        assert VectorEngine(name).verify(items) == expected


@each_set
@each_algorithm
def test_the_matrix_is_the_same_from_first_blocks_and_from_streams(
    name: str, algorithm: Algorithm
) -> None:
    for key in keys_of(algorithm, 3):
        streams = kernels.expand_key(name, key.public_key, 0)
        assert kernels.expand_key(name, key.public_key, 5) == streams
        assert kernels.expand_key(name, key.public_key, 1) == streams


@each_set
@each_algorithm
def test_the_challenge_is_the_same_from_one_block_and_from_a_stream(
    name: str, algorithm: Algorithm
) -> None:
    size = PUBLIC_KEY_BYTES[algorithm]
    for number in range(100):
        seed = bytes([number]) * CHALLENGE_BYTES[algorithm]
        block = kernels.sample_in_ball(name, size, seed, False)
        assert kernels.sample_in_ball(name, size, seed, True) == block
        weight = sum(abs(each) for each in array("i", block))
        assert weight == {1312: 39, 1952: 49, 2592: 60}[size]


def product(a: list[int], b: list[int]) -> list[int]:
    """By the book: modulo x^256 + 1 and q."""
    result = [0] * N
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            sign = 1 if i + j < N else -1
            result[(i + j) % N] += sign * x * y
    return [each % Q for each in result]


@each_set
def test_products_of_polynomials_with_extreme_coefficients(name: str) -> None:
    chance = random.Random(1)
    largest = (1 << 23) - 1
    extremes = [[Q - 1] * N, [-largest] * N, [largest, -largest] * (N // 2), [0] * N]
    drawn = [[chance.choice([-largest, largest, 1, 0]) for _ in range(N)] for _ in range(4)]
    for a in [*extremes, *drawn]:
        for b in (extremes[1], drawn[0]):
            raw = kernels.multiply(name, array("i", a).tobytes(), array("i", b).tobytes())
            result = array("i", raw)
            assert [each % Q for each in result] == product(a, b)
            assert max(map(abs, result)) < Q


def test_a_flood_of_new_keys_evicts_nothing_and_is_not_kept() -> None:
    engine = VectorEngine(INSTRUCTION_SETS[0], 1, recent_keys_max=4)
    known = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 3)]
    engine.pin([known[0].public_key])
    for _ in range(2):  # at its second sight a key is kept
        assert engine.verify(known) == [True] * 3
    assert (engine.cache_counters()["pinned"], engine.cache_counters()["recent"]) == (1, 2)
    flood = [
        SignatureItem(number.to_bytes(4, "big") * 328, b"", b"", bytes(2420))
        for number in range(200)
    ]
    assert not any(engine.verify(flood))
    counters = engine.cache_counters()
    assert (counters["evictions"], counters["recent"]) == (0, 2)
    before = counters["hits"]
    assert engine.verify(known) == [True] * 3
    assert engine.cache_counters()["hits"] == before + 3
    for _ in range(2):  # who sends each twice fills the cache, and no more than that
        engine.verify(flood[:9])
    counters = engine.cache_counters()
    assert (counters["pinned"], counters["recent"]) == (1, 4)
    engine.pin([])
    assert engine.cache_counters()["pinned"] == 0


def test_a_key_that_becomes_pinned_gives_its_place_back() -> None:
    engine = VectorEngine(INSTRUCTION_SETS[0], 1, recent_keys_max=4)
    known = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 3)]
    for _ in range(2):
        engine.verify(known)
    engine.pin([known[0].public_key])
    assert (engine.cache_counters()["pinned"], engine.cache_counters()["recent"]) == (1, 2)
    assert engine.verify(known) == [True] * 3


def test_threads_that_evict_each_others_keys_get_right_verdicts() -> None:
    engine = VectorEngine(INSTRUCTION_SETS[0], 2, recent_keys_max=2)
    items = [make_item(key) for key in keys_of(Algorithm.ML_DSA_44, 9)]
    batches = []
    for start in range(40):
        batch = [items[(start + step) % 9] for step in range(40)]
        batch[start] = replace(batch[start], message=b"another")
        batches.append(batch)
    expected = [[place != start for place in range(40)] for start in range(40)]
    with ThreadPoolExecutor(6) as callers:
        pinning = [callers.submit(engine.pin, [each.public_key]) for each in items * 5]
        assert list(callers.map(engine.verify, batches)) == expected
        for each in pinning:
            each.result()
    assert engine.cache_counters()["recent"] <= 2


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no compiler")
@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_where_the_high_byte_comes_first_the_kernels_do_not_compile(order: str) -> None:
    """They would give other hashes there, and another state root."""
    flags = ["-U__BYTE_ORDER__", f"-D__BYTE_ORDER__=__ORDER_{order}_ENDIAN__"]
    command = ["g++", "-fsyntax-only", "-x", "c++", *flags, str(KERNELS / "dialect.h")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (order == "LITTLE")
    assert ("low byte first" in done.stderr) is (order == "BIG")


@pytest.mark.parametrize("source", ["avx2.cpp", "avx512.cpp"])
def test_the_processor_is_asked_for_all_that_a_set_is_compiled_for(source: str) -> None:
    """What a hypervisor hides would end the process at its first use."""
    asked = re.findall(r'cpu_supports\("(\w+)"\)', (KERNELS / "python_values.h").read_text())
    (targets,) = set(re.findall(r'target\("([\w,]+)"\)', (KERNELS / source).read_text()))
    assert set(targets.split(",")) <= set(asked)
