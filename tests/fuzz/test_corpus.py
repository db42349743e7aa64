"""The corpus and random damage to it, without a fuzzer: decoders accept or refuse by name."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.decoders import DECODERS, decode_one

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_the_corpus_has_a_valid_input_for_every_decoder() -> None:
    assert all(path.name.startswith(f"{path.read_bytes()[0]:02}-") for path in CORPUS)
    assert {path.read_bytes()[0] for path in CORPUS} == set(DECODERS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_valid_inputs_are_accepted(path: Path) -> None:
    assert decode_one(path.read_bytes())


OPEN_ENDED = {11, 40, 41, 50}
"""JSON-RPC, whose parser answers a broken call with an error of its own; TOML, which may end at
every line; and a stream of requests, which waits for more."""
CANONICAL = [path for path in CORPUS if path.read_bytes()[0] not in OPEN_ENDED]


@pytest.mark.parametrize("path", CANONICAL, ids=lambda path: path.name)
def test_no_prefix_of_a_valid_input_is_accepted(path: Path) -> None:
    data = path.read_bytes()
    step = max(1, len(data) // 200)
    assert not any(decode_one(data[:length]) for length in range(1, len(data), step))


@settings(max_examples=1_500, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_by_name(data: bytes) -> None:
    decode_one(data)


@settings(max_examples=3_000, deadline=None)
@given(st.sampled_from(CORPUS), st.data())
def test_damaged_inputs_are_refused_by_name(path: Path, data: st.DataObject) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, max(1, min(len(raw) - 1, 200))))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=9))
    decode_one(bytes(raw))
