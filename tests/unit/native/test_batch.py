"""verify_many and its engines: same verdicts in any number, order, thread and mixture."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from native import backends
from native.backends import EngineUnknown, select_engine, select_panel, view_engines
from native.batch import verify_many
from native.compiled import ENGINE_VARIABLE
from native.cpu import PARSED_KEYS_MAX, OpenSSLEngine
from native.signatures import Algorithm, SignatureItem, SigningKey, verify

KEYS = [
    SigningKey.from_seed(bytes([index]) * 32, algorithm)
    for index, algorithm in enumerate([*Algorithm, Algorithm.ML_DSA_65])
]


def make_item(index: int = 0, *, message: bytes = b"message", context: bytes = b"context") -> Any:
    key = KEYS[index % len(KEYS)]
    return SignatureItem(key.public_key, message, context, key.sign(message, context))


def spoil(item: Any) -> Any:
    flipped = bytes([item.signature[0] ^ 1]) + item.signature[1:]
    return replace(item, signature=flipped)


GOOD = [make_item(index, message=bytes([index]) * (index * 37)) for index in range(24)]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 16, 17, 24])
def test_valid_signatures_are_accepted_in_any_number(count: int) -> None:
    assert verify_many(GOOD[:count]) == [True] * count


@pytest.mark.parametrize("bad", [0, 1, 7, 8, 12, 23])
def test_one_bad_signature_changes_no_other_verdict(bad: int) -> None:
    items = [*GOOD[:bad], spoil(GOOD[bad]), *GOOD[bad + 1 :]]
    assert verify_many(items) == [index != bad for index in range(len(items))]


def test_verdicts_agree_with_single_verification_on_every_kind_of_rubbish() -> None:
    item = GOOD[1]
    items = [
        item,
        replace(item, signature=b""),
        replace(item, signature=item.signature[:-1]),
        replace(item, public_key=b""),
        replace(item, public_key=item.public_key[:-1]),
        replace(item, public_key=bytes(len(item.public_key))),
        replace(item, context=bytes(256)),
        replace(item, context=b""),
        replace(item, message=item.message + b"\0"),
        replace(item, signature=bytes(len(item.signature))),
        replace(item, signature=b"\xff" * len(item.signature)),
        item,
        item,
    ]
    expected = [verify(i.public_key, i.message, i.context, i.signature) for i in items]
    assert expected == [True] + [False] * 10 + [True, True]
    assert verify_many(items) == expected


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_verdicts_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    items = [spoil(item) if index % 5 == 0 else item for index, item in enumerate(GOOD)]
    assert OpenSSLEngine(threads).verify(items) == [index % 5 != 0 for index in range(24)]


def test_an_engine_may_be_used_from_several_threads_at_once() -> None:
    engine = OpenSSLEngine(2)
    batches = [[GOOD[start % 24], spoil(GOOD[(start + 1) % 24])] * 6 for start in range(12)]
    with ThreadPoolExecutor(6) as callers:
        assert list(callers.map(engine.verify, batches)) == [[True, False] * 6] * 12


def test_nobody_waits_for_helpers_that_are_busy_with_somebody_elses_flood() -> None:
    entered, freed = threading.Event(), threading.Event()

    class Slow(OpenSSLEngine):
        piece_max_items = 3

        def verify_piece(self, items: Any) -> Any:
            if b"flood" in {item.context for item in items} and helps():
                entered.set()
                assert freed.wait(60)
            return super().verify_piece(items)

    def helps() -> bool:
        return threading.current_thread().name.startswith("native-verify")

    engine = Slow(2)
    flood = [make_item(1, message=bytes([index]), context=b"flood") for index in range(9)]
    with ThreadPoolExecutor(1) as caller:
        flooded = caller.submit(engine.verify, flood)
        assert entered.wait(60)
        spoiled = [spoil(item) if index in (4, 13) else item for index, item in enumerate(GOOD)]
        assert engine.verify(spoiled) == [index not in (4, 13) for index in range(24)]
        assert not flooded.done()
        freed.set()
        assert flooded.result() == [True] * 9


def test_a_piece_never_exceeds_its_limit() -> None:
    sizes = []

    class Watching(OpenSSLEngine):
        piece_max_items = 5

        def verify_piece(self, items: Any) -> Any:
            sizes.append(len(items))
            return super().verify_piece(items)

    assert Watching(2).verify(GOOD) == [True] * 24
    assert sum(sizes) == 24
    assert max(sizes) <= 5
    sizes.clear()
    Watching(2).verify(GOOD[: Watching.inline_below_items - 1])
    assert sizes == [Watching.inline_below_items - 1]


def test_strangers_keys_cannot_grow_the_cache_without_bound() -> None:
    engine = OpenSSLEngine(1)
    signature = bytes(2420)
    for index in range(PARSED_KEYS_MAX + 10):
        key = index.to_bytes(4, "big") + bytes(1308)
        engine.verify([SignatureItem(key, b"", b"", signature)])
    info = engine._parsed.cache_info()
    assert info.currsize == info.maxsize == PARSED_KEYS_MAX
    counters = engine.cache_counters()
    assert (counters["recent"], counters["evictions"]) == (PARSED_KEYS_MAX, 10)


def test_the_environment_chooses_the_engine_and_a_wrong_name_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "openssl")
    assert select_engine().name == "openssl"
    assert "asks for it" in str(view_engines())
    monkeypatch.setenv(ENGINE_VARIABLE, "abacus")
    with pytest.raises(EngineUnknown) as refusal:
        select_engine()
    assert refusal.value.name == "abacus"
    assert select_engine("openssl").name == "openssl"


def test_one_engine_serves_the_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)
    fastest = next(iter(backends.ENGINES))
    assert select_engine() is select_engine(fastest)
    assert str(view_engines()).startswith(f"{fastest} (default")
    assert select_panel() is select_panel()
    assert select_panel().name == fastest
