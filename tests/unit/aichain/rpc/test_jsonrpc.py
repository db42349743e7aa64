"""The JSON-RPC codec: every body has a right answer, and none of them is an exception."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichain.rpc.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidParams,
    InvalidRequest,
    ParseError,
    error_object,
)
from aichain.rpc.jsonrpc import (
    Batch,
    Call,
    Malformed,
    examine_item,
    parse_calls,
    parse_item,
    parse_params,
    render_batch,
    render_error,
    render_notification,
    render_result,
)

VALID_IDS = [0, 1, -7, 1.5, "a", "", None, "é", 2**63, "x" * 200]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def parse(body: bytes, max_batch: int = 100) -> Any:
    return parse_calls(body, max_batch=max_batch)


def request(**changes: object) -> bytes:
    fields = {"jsonrpc": "2.0", "id": 1, "method": "aichain_status", "params": []} | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


@pytest.mark.parametrize("given_id", VALID_IDS)
def test_an_id_is_echoed_as_it_came(given_id: object) -> None:
    call = parse(request(id=given_id))
    assert isinstance(call, Call)
    assert call.id is not None
    assert json.loads(render_result(call.id, b"{}"))["id"] == given_id


def test_an_id_keeps_its_exact_spelling() -> None:
    call = parse(b'{"jsonrpc":"2.0","method":"m","id": 1.50e0 }')
    assert call == Call(b"1.50e0", "m", b"")


def test_a_request_without_an_id_is_a_notification() -> None:
    assert parse(request(id=...)).id is None


@pytest.mark.parametrize("bad_id", [True, [], {}, "x" * 300])
def test_other_ids_are_refused_with_a_null_id(bad_id: object) -> None:
    item = parse(request(id=bad_id))
    assert isinstance(item, Malformed)
    assert item.id == b"null"
    assert isinstance(item.error, InvalidRequest)


@pytest.mark.parametrize(
    "changes",
    [
        {"jsonrpc": "1.0"},
        {"jsonrpc": 2.0},
        {"jsonrpc": ...},
        {"method": 1},
        {"method": ...},
        {"method": "m" * 65},
    ],
)
def test_a_malformed_request_keeps_its_id(changes: dict[str, object]) -> None:
    item = parse(request(**changes))
    assert isinstance(item, Malformed)
    assert item.id == b"1"
    assert json.loads(render_error(item.id, item.error))["error"]["code"] == -32600


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[",
        b"nul",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","method":"\xff"}',
        b'{"a":1} trailing',
        b"\xef\xbb\xbf{}",
        b"NaN x",
    ],
)
def test_what_is_not_json_is_a_parse_error(body: bytes) -> None:
    item = parse(body)
    assert isinstance(item, Malformed)
    assert isinstance(item.error, ParseError)
    assert item.id == b"null"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"params":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    """As no JSON or as no request: how deep the parser goes depends on Python's own limit."""
    assert isinstance(parse(body).error, ParseError | InvalidRequest)


@pytest.mark.parametrize("body", [b"1", b'"text"', b"null", b"true"])
def test_json_that_is_no_request_is_invalid(body: bytes) -> None:
    item = parse(body)
    assert isinstance(item.error, InvalidRequest)


def test_an_empty_batch_is_one_error() -> None:
    assert isinstance(parse(b" [ ] ").error, EmptyBatch)


def test_a_batch_of_101_is_refused_whole() -> None:
    body = b"[" + b",".join([request()] * 101) + b"]"
    error = parse(body).error
    assert isinstance(error, BatchTooLarge)
    assert (error.limit, error.given) == (100, 101)


def test_a_batch_of_100_is_read_in_order() -> None:
    batch = parse(b"[" + b",".join(request(id=n) for n in range(100)) + b"]")
    assert isinstance(batch, Batch)
    assert [item.id for item in batch.items] == [str(n).encode() for n in range(100)]


def test_bad_items_of_a_batch_do_not_spoil_the_good_ones() -> None:
    batch = parse(b"[1, " + request(id=7) + b', {"id": 8}, []]')
    kinds = [(type(item).__name__, item.id) for item in batch.items]
    assert kinds == [
        ("Malformed", b"null"),
        ("Call", b"7"),
        ("Malformed", b"8"),
        ("Malformed", b"null"),
    ]


def test_duplicate_ids_are_answered_each() -> None:
    batch = parse(b"[" + request(id=1) + b"," + request(id=1) + b"]")
    assert [item.id for item in batch.items] == [b"1", b"1"]


class Point(msgspec.Struct, forbid_unknown_fields=True):
    x: int
    y: int = 5


POINT = msgspec.json.Decoder(Point)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[1,2]", Point(1, 2)),
        (b"[1]", Point(1)),
        (b"[1,null]", Point(1)),
        (b'{"x":1}', Point(1)),
        (b'{"y":2,"x":1}', Point(1, 2)),
        (b" [ 1 , 2 ] ".strip(), Point(1, 2)),
    ],
)
def test_params_are_taken_by_position_and_by_name(raw: bytes, expected: Point) -> None:
    assert parse_params(POINT, ("x", "y"), raw) == expected


@pytest.mark.parametrize(
    "raw", [b"[]", b"", b"[1,2,3]", b'["1"]', b'{"x":1,"z":2}', b"1", b'"x"', b"[[[[1]]]]", b"{}"]
)
def test_wrong_params_are_named(raw: bytes) -> None:
    with pytest.raises(InvalidParams):
        parse_params(POINT, ("x", "y"), raw)


def test_a_large_deep_parameter_never_becomes_objects() -> None:
    item = parse(request(params=...)[:-1] + b',"params":[' + b"[" * 500 + b"]" * 500 + b"]}")
    assert isinstance(item, Call)
    with pytest.raises(InvalidParams):
        parse_params(POINT, ("x", "y"), item.params)


def test_an_error_has_a_number_a_sentence_and_a_stable_code() -> None:
    shown = json.loads(render_error(b"3", BatchTooLarge(limit=100, given=2**70)))
    assert shown["id"] == 3
    assert shown["error"]["code"] == -32600
    assert shown["error"]["data"] == {
        "code": "batch_too_large",
        "limit": "100",
        "given": str(2**70),
    }
    assert error_object(EmptyBatch())["data"] == {"code": "empty_batch"}


def test_a_notification_is_json() -> None:
    shown = json.loads(render_notification("aichain_subscription", "0x1", "result", b'{"a":1}'))
    assert shown["params"] == {"subscription": "0x1", "result": {"a": 1}}


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    check_answerable(parse(body))


@given(st.binary(max_size=60))
def test_no_bytes_inside_a_request_raise(inside: bytes) -> None:
    for name in (b"id", b"method", b"params", b"jsonrpc"):
        check_answerable(parse(b'{"jsonrpc":"2.0","id":1,"%b":%b}' % (name, inside)))
        check_answerable(parse(b'[{"%b":"%b"}]' % (name, inside)))


@given(JSON_VALUES)
def test_no_json_raises(value: object) -> None:
    body = json.dumps(value).encode()
    check_answerable(parse(body))
    try:
        parse_params(POINT, ("x", "y"), body)
    except InvalidParams:
        pass


@given(st.lists(JSON_VALUES, min_size=1, max_size=5))
def test_every_item_of_a_batch_is_answered(values: list[object]) -> None:
    batch = parse(json.dumps(values).encode())
    assert len(batch.items) == len(values)
    check_answerable(batch)


def check_answerable(parsed: Any) -> None:
    """Whatever came, the answer is valid JSON-RPC."""
    items = parsed.items if isinstance(parsed, Batch) else (parsed,)
    responses = []
    for item in items:
        match item:
            case Malformed(request_id, error):
                responses.append(render_error(request_id, error))
            case Call(request_id):
                responses.append(render_result(request_id or b"null", b"null"))
    for shown in json.loads(render_batch(responses)):
        assert shown["jsonrpc"] == "2.0"
        assert ("result" in shown) != ("error" in shown)
        assert isinstance(shown["id"], int | float | str | None)


@given(
    st.dictionaries(st.sampled_from(("jsonrpc", "id", "method", "params", "more")), JSON_VALUES),
    st.sampled_from(("2.0", "1.0", 2, None)),
    st.sampled_from((0, -1, 2**64, "a", "a b", "", "x" * 300, None, True, [1])),
)
def test_the_quick_reader_agrees_with_the_one_that_examines(
    members: dict[str, Any], version: object, request_id: object
) -> None:
    for changes in ({}, {"jsonrpc": version}, {"jsonrpc": "2.0", "id": request_id, "method": "m"}):
        raw = json.dumps(members | changes).encode()
        quick, slow = parse_item(raw), examine_item(raw)
        assert type(quick) is type(slow)
        if isinstance(quick, Malformed) and isinstance(slow, Malformed):
            assert quick.id == slow.id
            assert error_object(quick.error) == error_object(slow.error)
        else:
            assert quick == slow


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","id":01,"method":"m"}',
        b'{"jsonrpc":"2.0","id":"\\u0041","method":"m"}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"m","method":"n"}',
        b'{"jsonrpc":"2\\u002e0","id":1,"method":"m","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"m"} x',
        b'{"jsonrpc":"2.0","id":1,"method":"' + b"m" * 65 + b'"}',
        b'{"jsonrpc":"2.0","id":99999999999999999,"method":"m"}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_both_readers_take_odd_spellings_alike(raw: bytes) -> None:
    quick, slow = parse_item(raw), examine_item(raw)
    assert type(quick) is type(slow)
    assert isinstance(quick, Malformed) or quick == slow
