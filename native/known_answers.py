"""Signatures whose verdicts are known: an engine gets them all right, or it is never used."""

from collections.abc import Iterator
from dataclasses import replace

from native.engine import Engine
from native.signatures import (
    CONTEXT_MAX_BYTES,
    SIGNATURE_BYTES,
    Algorithm,
    SignatureItem,
    SigningKey,
)

_MESSAGE = b"known answers " * 40


def wrong_answer(engine: Engine) -> str:
    """The first answer that is not the known one; empty when all are right.

    In one batch, so that good and bad ones lie side by side in vectors; again, for by then the
    engine may keep the keys; and one by one.
    """
    answers = list(_answers())
    items = [item for _, item, _ in answers]
    expected = [valid for *_, valid in answers]
    singly = (verdict for item in items for verdict in engine.verify([item]))
    for verdicts in (engine.verify(items), engine.verify(items), list(singly)):
        if len(verdicts) != len(items):
            return f"{len(verdicts)} answers to {len(items)} questions"
        for (name, _, valid), verdict in zip(answers, verdicts, strict=True):
            if verdict is not valid:
                return f"{verdict} for {name}"
    assert True in expected
    assert False in expected
    return ""


def _answers() -> Iterator[tuple[str, SignatureItem, bool]]:
    for algorithm in Algorithm:
        key = SigningKey.from_seed(bytes([algorithm]) * 32, algorithm)
        stranger = SigningKey.from_seed(bytes([algorithm + 1]) * 32, algorithm)
        for text, context in ((b"", b""), (_MESSAGE, bytes(CONTEXT_MAX_BYTES))):
            good = SignatureItem(key.public_key, text, context, key.sign(text, context))
            yield f"a good signature of {algorithm.name}", good, True
            for name, bad in _spoiled(good, stranger.public_key):
                yield f"{name} of {algorithm.name}", bad, False


def _spoiled(good: SignatureItem, stranger: bytes) -> Iterator[tuple[str, SignatureItem]]:
    size = len(good.signature)
    assert size in SIGNATURE_BYTES.values()
    for name, place in (("challenge", 0), ("response", size // 2), ("hint", size - 1)):
        spoiled = bytearray(good.signature)
        spoiled[place] ^= 1
        yield f"another {name}", replace(good, signature=bytes(spoiled))
    yield "another message", replace(good, message=good.message + b"\0")
    yield "another context", replace(good, context=good.context[1:] or b"\0")
    yield "another key", replace(good, public_key=stranger)
    yield "a context that is too long", replace(good, context=bytes(CONTEXT_MAX_BYTES + 1))
    yield "a signature that is too short", replace(good, signature=good.signature[:-1])
