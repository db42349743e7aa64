"""Builders of ML-DSA signatures: valid ones, and such that are wrong in one place."""

import random
from dataclasses import replace

from native.engine import Engine
from native.signatures import Algorithm, SignatureItem, SigningKey, verify

CHALLENGE_BYTES = {Algorithm.ML_DSA_44: 32, Algorithm.ML_DSA_65: 48, Algorithm.ML_DSA_87: 64}
OMEGA = {Algorithm.ML_DSA_44: 80, Algorithm.ML_DSA_65: 55, Algorithm.ML_DSA_87: 75}
ROWS = {Algorithm.ML_DSA_44: 4, Algorithm.ML_DSA_65: 6, Algorithm.ML_DSA_87: 8}


def keys_of(algorithm: Algorithm, count: int) -> list[SigningKey]:
    return [SigningKey.from_seed(bytes([number]) * 32, algorithm) for number in range(count)]


def make_item(key: SigningKey, message: bytes = b"message", context: bytes = b"c") -> SignatureItem:
    return SignatureItem(key.public_key, message, context, key.sign(message, context))


def openssl(items: list[SignatureItem]) -> list[bool]:
    return [verify(each.public_key, each.message, each.context, each.signature) for each in items]


def mutate(item: SignatureItem, algorithm: Algorithm, chance: random.Random) -> SignatureItem:
    """Wrong in one place of a part that was drawn: challenge, vector, hints, counters, key."""
    signature, omega, rows = bytearray(item.signature), OMEGA[algorithm], ROWS[algorithm]
    hints = len(signature) - omega - rows
    places = {
        "challenge": range(CHALLENGE_BYTES[algorithm]),
        "vector": range(CHALLENGE_BYTES[algorithm], hints),
        "hints": range(hints, hints + omega),
        "counters": range(hints + omega, len(signature)),
    }
    part = chance.choice([*places, "swap", "key", "message"])
    if part == "key":
        at = chance.randrange(len(item.public_key))
        key = bytearray(item.public_key)
        key[at] ^= 1 << chance.randrange(8)
        return replace(item, public_key=bytes(key))
    if part == "message":
        return replace(item, message=item.message + b"\0")
    if part == "swap":  # hints in another order, or one twice
        at = chance.randrange(hints, hints + omega - 1)
        signature[at + 1] = chance.choice([signature[at], signature[at + 1]])
        signature[at], signature[at + 1] = signature[at + 1], signature[at]
    else:
        at = chance.choice(places[part])
        signature[at] = chance.choice([0, 255, omega, signature[at] ^ 1, chance.randrange(256)])
    return replace(item, signature=bytes(signature))


def require_isolated(engine: Engine, count: int) -> None:
    """One bad signature among `count`, at whatever place, changes no other verdict."""
    keys = keys_of(Algorithm.ML_DSA_65, 3)
    good = [make_item(key, bytes([number])) for number, key in enumerate(keys)]
    bad = replace(good[1], message=b"another")
    for place in range(count) if count < 10 else (0, count // 2, count - 1):
        items = [good[number % 3] for number in range(count)]
        items[place] = bad
        assert engine.verify(items) == [number != place for number in range(count)]
