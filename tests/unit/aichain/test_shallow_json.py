"""How deep JSON lies is known before it is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichain.shallow_json import JSON_DEPTH_MAX, is_deeper, load_shallow

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=40
)


def depth_of(value: object) -> int:
    """As the definition says it."""
    match value:
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case _:
            return 0


@given(VALUES, st.integers(0, 6))
def test_the_depth_is_that_of_the_value(value: Any, levels: int) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode()
    assert is_deeper(raw, levels) == (depth_of(value) > levels)
    assert load_shallow(raw) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"]":'])
@pytest.mark.parametrize("times", [JSON_DEPTH_MAX + 1, 100_000])
def test_what_is_deep_is_refused_whether_it_is_closed_or_not(opening: bytes, times: int) -> None:
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'"a:]')[::-1]
    for raw in (opening * times, opening * times + b"1" + closing * times):
        with pytest.raises(ValueError, match="64 levels"):
            load_shallow(raw)


def test_brackets_in_strings_do_not_count() -> None:
    text = "[" * 1_000 + '"\\' + "{" * 1_000
    assert load_shallow(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize("escape", [b'\\"', b"\\\\", b"a"])
@pytest.mark.parametrize("end", [b"", b"\\"])
def test_a_string_without_an_end_is_read_once(escape: bytes, end: bytes) -> None:
    raw = b"[" * (JSON_DEPTH_MAX + 1) + b'"' + escape * 1_000_000 + end
    assert is_deeper(raw, JSON_DEPTH_MAX)
    assert not is_deeper(b'"' + raw, JSON_DEPTH_MAX), "brackets in it do not count"
    with pytest.raises(ValueError, match="64 levels"):
        load_shallow(raw)
