"""Whether a GPU gives the answers of the processor: vectors, a million signatures, hashes, sums."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness import ROOT

from native.backends import ENGINES
from native.compiled import kernels
from native.gpu.device import Device
from native.gpu.engine import GpuEngine
from native.gpu.hashes import GpuHashes, HashLimits
from native.gpu.pipeline import Limits
from native.gpu.votes import VoteCounter
from native.hash_batches import keccak256_many, keyed_hash_many, sha3_256_many
from native.merkle import merkle_root
from native.signatures import Algorithm, SignatureItem, SigningKey
from native.tally import Votes, tally_votes

VECTORS = ROOT.joinpath("tests", "vectors")
AT_ONCE = 50_000
KEYS = 64
KEY = bytes(range(32))
SHARES = {Algorithm.ML_DSA_65: 60, Algorithm.ML_DSA_44: 20, Algorithm.ML_DSA_87: 20}
"""Of a hundred random signatures."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was asked of both, how often, and how often the answers differed."""

    what: str
    asked: int
    differ: int

    def __str__(self) -> str:
        return f"{self.what}: {self.asked:,} asked, {self.differ:,} differ"


def agreements(
    device: Device, limits: Limits, hash_limits: HashLimits, signatures: int, seed: int
) -> Iterator[Agreement]:
    """One after the other; `signatures` random and mutated ones."""
    engine = GpuEngine(device, limits)
    yield _pure_vectors(engine)
    yield _internal_vectors(engine)
    yield _expanded_keys(engine)
    yield from _random_signatures(engine, signatures, random.Random(seed))
    yield _tallies(engine, random.Random(seed))
    yield from _hashes(GpuHashes(device, hash_limits), min(signatures, 20_000), random.Random(seed))


def _pure_vectors(engine: GpuEngine) -> Agreement:
    cases = _read("ml_dsa_65_sig_ver_pure.json")["tests"]
    parts = ("pk", "message", "context", "signature")
    items = [SignatureItem(*(bytes.fromhex(case[part]) for part in parts)) for case in cases]
    expected = [case["testPassed"] for case in cases]
    return _compared("NIST's vectors, pure", engine.verify(items), expected)


def _internal_vectors(engine: GpuEngine) -> Agreement:
    items, expected = [], []
    for group in _read("ml_dsa_sig_ver_internal.json")["testGroups"]:
        for case in group["tests"]:
            parts = (group["pk"], case["message"], "", case["signature"])
            items.append(SignatureItem(*map(bytes.fromhex, parts)))
            expected.append(case["testPassed"])
    return _compared("NIST's vectors, internal", engine.verify_internal(items), expected)


def _expanded_keys(engine: GpuEngine) -> Agreement:
    keys = [key.public_key for each in Algorithm for key in signing_keys(each, 8)]
    engine.pin(keys)
    held = engine.expanded_keys(keys)
    engine.pin([])
    if kernels is None:
        return Agreement("expanded keys: no kernels here to compare with", 0, 0)
    expected = [kernels.expand_key("portable", key, 0) for key in keys]
    return _compared("expanded keys, byte by byte", held, expected)


def _random_signatures(engine: GpuEngine, count: int, chance: random.Random) -> Iterator[Agreement]:
    """Mutated ones of every part, and one in ten that is noise."""
    processor = next(iter(ENGINES.values()))()
    for algorithm, share in SHARES.items():
        valid = [
            sign(key, bytes([number]) * number, bytes(number % 3))
            for number, key in enumerate(signing_keys(algorithm, KEYS))
        ]
        asked = differ = accepted = 0
        while asked < count * share // 100:
            size = min(AT_ONCE, count * share // 100 - asked)
            items = [_mutated(chance.choice(valid), chance) for _ in range(size)]
            expected = processor.verify(items)
            accepted += sum(expected)
            differ += _compared("", engine.verify(items), expected).differ
            asked += size
        yield Agreement(f"{algorithm.name}, mutated; {accepted:,} valid", asked, differ)


def _mutated(item: SignatureItem, chance: random.Random) -> SignatureItem:
    """A byte changed: of the hints in half of the cases, else anywhere, or nothing at all."""
    part, size = chance.randrange(100), len(item.signature)
    if part < 10:
        return item
    if part < 20:
        return replace(item, signature=chance.randbytes(size))
    if part < 25:
        key = bytearray(item.public_key)
        key[chance.randrange(len(key))] ^= 1 << chance.randrange(8)
        return replace(item, public_key=bytes(key))
    if part < 30:
        return replace(item, message=chance.randbytes(chance.choice([0, 1, 70, 136, 5_000])))
    signature = bytearray(item.signature)
    at = chance.randrange(size - 84, size) if part < 80 else chance.randrange(size)
    if part < 50:  # two that stand side by side
        signature[at], signature[at - 1] = signature[at - 1], signature[at]
    else:
        signature[at] = chance.choice([0, 255, signature[at] ^ 1, signature[at - 1]])
    return replace(item, signature=bytes(signature))


def _tallies(engine: GpuEngine, chance: random.Random) -> Agreement:
    valid = [sign(key, b"vote") for key in signing_keys(Algorithm.ML_DSA_65, 8)]
    items = [chance.choice([*valid, replace(valid[0], message=b"")]) for _ in range(500)]
    votes = Votes([chance.randrange(9) for _ in items], [chance.randrange(100) for _ in items])
    stakes = [chance.randrange(1 << 57) for _ in range(100)]
    verdicts, tallies = VoteCounter(engine).verify_and_tally(items, votes, stakes, 10)
    return _compared("tallies of votes", tallies, tally_votes(verdicts, votes, stakes, 10))


def _hashes(hashes: GpuHashes, count: int, chance: random.Random) -> Iterator[Agreement]:
    messages = [chance.randbytes(chance.randrange(300)) for _ in range(count)]
    messages += [chance.randbytes(size) for size in (1_023, 1_024, 1_025, 4_096, 4_097, 100_000)]
    works: dict[str, tuple[Callable[[Sequence[bytes]], bytes], ...]] = {
        "keyed BLAKE3": (
            lambda each: hashes.keyed_hash_many(KEY, each),
            lambda each: keyed_hash_many(KEY, each),
        ),
        "Keccak-256": (hashes.keccak256_many, keccak256_many),
        "SHA3-256": (hashes.sha3_256_many, sha3_256_many),
        "Merkle roots": (hashes.merkle_root, merkle_root),
    }
    for name, (on_device, on_host) in works.items():
        got, expected = on_device(messages), on_host(messages)
        yield Agreement(name, len(messages), int(got != expected))


def signing_keys(algorithm: Algorithm, count: int) -> list[SigningKey]:
    """Always the same ones."""
    seeds = (number.to_bytes(32, "big") for number in range(count))
    return [SigningKey.from_seed(seed, algorithm) for seed in seeds]


def sign(key: SigningKey, message: bytes, context: bytes = b"aichain/vote/v1") -> SignatureItem:
    """A valid one."""
    return SignatureItem(key.public_key, message, context, key.sign(message, context))


def _compared(what: str, got: Sequence[object], expected: Sequence[object]) -> Agreement:
    assert len(got) == len(expected), what
    differ = sum(a != b for a, b in zip(got, expected, strict=True))
    return Agreement(what, len(got), differ)


def _read(name: str) -> Any:  # noqa: ANN401  # whatever the file holds
    return json.loads(VECTORS.joinpath(name).read_text())
