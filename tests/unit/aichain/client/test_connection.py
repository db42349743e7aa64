"""A connection to a node: results, refusals, and servers that are none."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from aichain.cli.exit_codes import CommandExit
from aichain.client.connection import Connection
from aichain.client.errors import (
    FieldMissing,
    RpcAddressInvalid,
    RpcGarbled,
    RpcRefused,
    RpcTokenInvalid,
    RpcUnreachable,
)
from aichain.shallow_json import JSON_DEPTH_MAX
from tests.unit.aichain.cli.scripted_node import Refusal, ScriptedNode, serving


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with serving(ScriptedNode()) as node:
        yield node


@pytest.fixture
def client(node: ScriptedNode) -> Iterator[Connection]:
    with Connection(node.url, timeout_s=2) as client:
        yield client


def test_a_result_comes_back(node: ScriptedNode, client: Connection) -> None:
    node.answers["aichain_status"] = {"height": 7}
    assert client.call("aichain_status") == {"height": 7}
    node.answers["aichain_getBlock"] = lambda height: None if height else {"height": 0}
    assert client.call("aichain_getBlock", 5) is None
    assert node.calls[-1] == ("aichain_getBlock", [5])


def test_a_refusal_keeps_its_words_number_and_name(node: ScriptedNode, client: Connection) -> None:
    node.answers["aichain_sendTransaction"] = Refusal(
        -32003, "fee too low", "fee_too_low", {"required": "5"}
    )
    with pytest.raises(RpcRefused) as caught:
        client.call("aichain_sendTransaction", "0x")
    error = caught.value
    assert (error.reason, error.number, error.name) == ("fee too low", -32003, "fee_too_low")
    assert error.values == {"required": "5"}


def test_a_batch_is_in_order_even_when_the_answer_is_not(
    node: ScriptedNode, client: Connection
) -> None:
    node.answers["double"] = lambda number: Refusal(1, "odd") if number % 2 else number * 2
    results = client.batch("double", [(0,), (1,), (2,)])
    assert (results[0], results[2]) == (0, 4)
    assert isinstance(results[1], RpcRefused)


def test_many_calls_use_one_connection(node: ScriptedNode, client: Connection) -> None:
    node.answers["x"] = 1
    for _ in range(5):
        client.call("x")
    assert node.connections == 1


def test_a_connection_closed_while_idle_is_opened_again(
    node: ScriptedNode, client: Connection
) -> None:
    node.answers["x"] = 1
    node.drop_after = 1
    assert [client.call("x") for _ in range(3)] == [1, 1, 1]
    assert node.connections == 3


def test_plain_pages_can_be_read(client: Connection) -> None:
    assert client.get("/health") == (200, b"/health")


@pytest.mark.parametrize("raw", [b"hello", b"[]", b"5", b'{"jsonrpc": "2.0", "id": 1}', b"\xff"])
def test_what_is_no_json_rpc_answer_is_named_so(
    node: ScriptedNode, client: Connection, raw: bytes
) -> None:
    node.raw = raw
    with pytest.raises(RpcGarbled):
        client.call("x")


def test_a_batch_that_is_no_list_is_refused(node: ScriptedNode, client: Connection) -> None:
    node.raw = b'{"id": 1, "result": 2}'
    with pytest.raises(RpcGarbled):
        client.batch("x", [()])


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RpcUnreachable) as caught:
        Connection(url).call("x")
    assert caught.value.url == url


def test_silence_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Connection(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.1)
        with pytest.raises(RpcUnreachable, match="no answer in time"):
            client.call("x")
        client.close()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "chunks", "continue"],
)
def test_a_server_that_goes_on_and_on_is_left(begin: bytes, more: bytes) -> None:
    left = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(begin)
            while not left.wait(0.05):
                connection.sendall(more)

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip)
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        begun = time.monotonic()
        late = pytest.raises(RpcUnreachable, match="no answer in time")
        with Connection(url, timeout_s=0.1) as client, late:
            client.call("x")
        assert time.monotonic() - begun < 5
        left.set()
        dripping.join()


def test_a_batch_with_ids_that_were_not_given_is_no_answer(
    node: ScriptedNode, client: Connection
) -> None:
    node.raw = b'[{"id": [1], "result": 2}, {"id": {}, "result": 2}]'
    with pytest.raises(RpcGarbled):
        client.batch("x", [()])


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://127.0.0.1", "http://", "file:///etc/passwd", "", "x y", "127.0.0.1:x"),
        *("http://127.0.0.1:99999", "http://[::1", "http://127.0.0.1/\u00e9"),
        *("http://" + "a" * 80 + ".x", "http://a..b", "http://127.0.0.1/a b"),
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(RpcAddressInvalid) as caught:
        Connection(url)
    assert caught.value.url == url
    assert caught.value.exit_code == CommandExit.USAGE


def test_a_server_that_does_not_speak_http_is_named_so() -> None:
    def say() -> None:
        connection, _ = server.accept()
        connection.recv(4096)  # what is left unread would reset the connection
        connection.sendall(b"\x13/multistream/1.0.0\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        speaker = threading.Thread(target=say)
        speaker.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Connection(url) as client, pytest.raises(RpcGarbled, match="does not speak HTTP"):
            client.call("x")
        speaker.join()


def test_a_bare_host_and_port_is_http(node: ScriptedNode) -> None:
    node.answers["x"] = 1
    with Connection(node.url.removeprefix("http://")) as client:
        assert client.call("x") == 1


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("aichain_status", None),
        ("aichain_status", []),
        ("aichain_getBlock", 5),
        ("aichain_peers", {}),
    ],
)
def test_an_answer_of_another_shape_is_the_servers_fault(
    node: ScriptedNode, client: Connection, method: str, answer: object
) -> None:
    node.answers[method] = answer
    with pytest.raises(RpcGarbled):
        client.call(method)


def test_a_field_that_is_missing_is_the_servers_fault(
    node: ScriptedNode, client: Connection
) -> None:
    node.answers["aichain_status"] = {"height": 7, "head": {}}
    status = client.call("aichain_status")
    assert (status["height"], status.get("network")) == (7, None)
    for part, name in ((status, "network"), (status["head"], "hash")):
        with pytest.raises(FieldMissing) as caught:
            part[name]
        assert caught.value.url == node.url


def test_an_answer_nested_without_end_is_none(node: ScriptedNode, client: Connection) -> None:
    node.raw = b"[" * 100_000
    with pytest.raises(RpcGarbled):
        client.call("aichain_status")


@pytest.mark.parametrize("shell", ['{"a":%s}', "[%s]", '{"a":[%s]}'])
@pytest.mark.parametrize("times", [65, 400, 900, 100_000])
def test_an_answer_that_is_nested_without_end_is_none(
    node: ScriptedNode, client: Connection, shell: str, times: int
) -> None:
    before, after = (part * times for part in shell.split("%s"))
    result = f'{{"height":7,"strange":{before}0{after}}}'
    node.raw = f'{{"jsonrpc":"2.0","id":1,"result":{result}}}'.encode()
    with pytest.raises(RpcGarbled):
        client.call("aichain_status")
    with pytest.raises(RpcGarbled):
        client.call("a_method_of_no_type")


def test_the_deepest_answer_that_is_read(node: ScriptedNode, client: Connection) -> None:
    deepest = JSON_DEPTH_MAX - 1  # the object around the result is a level of the answer
    node.raw = f'{{"id":1,"result":{"[" * deepest}7{"]" * deepest}}}'.encode()
    result = client.call("a_method_of_no_type")
    for _ in range(deepest):
        (result,) = result
    assert result == 7
    node.raw = f'{{"id":1,"result":{"[" * (deepest + 1)}7{"]" * (deepest + 1)}}}'.encode()
    with pytest.raises(RpcGarbled, match="64 levels"):
        client.call("a_method_of_no_type")


@pytest.mark.parametrize(
    "token", ["secret\r", "sec ret", "secret\n", "secr\u00e9t", "\udcffsecret"]
)
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RpcTokenInvalid) as caught:
        Connection("http://node.example", token=token)
    assert "sec" not in str(caught.value)
    monkeypatch.setenv("AICHAIN_RPC_TOKEN", token)
    with pytest.raises(RpcTokenInvalid):
        Connection("http://127.0.0.1:1")
    Connection("http://elsewhere.example").close()


@pytest.mark.parametrize("given", ["2", '"1"', "null", "[1]", None])
def test_an_answer_to_another_request_is_none(
    node: ScriptedNode, client: Connection, given: str | None
) -> None:
    told = "" if given is None else f'"id":{given},'
    node.raw = f'{{"jsonrpc":"2.0",{told}"result":7}}'.encode()
    with pytest.raises(RpcGarbled, match="another request"):
        client.call("a_method_of_no_type")


def test_a_refusal_of_what_could_not_be_read_has_no_id(
    node: ScriptedNode, client: Connection
) -> None:
    node.raw = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}'
    with pytest.raises(RpcRefused, match="what"):
        client.call("a_method_of_no_type")
