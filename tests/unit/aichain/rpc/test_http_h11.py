"""Our reader of HTTP beside h11: where both find requests in a stream, they find the same ones.

A stream that one reads as two requests and the other as one is how requests are smuggled past a
proxy. Whoever refuses disagrees with nobody.
"""

from dataclasses import dataclass

import h11
from hypothesis import example, given
from hypothesis import strategies as st

from aichain.rpc.http import HttpRefused, RequestReader
from aichain.rpc.limits import RpcLimits
from tests.integration.http_abuse import CALL, corpus, head

WIDE = RpcLimits(head_bytes=1 << 20, headers=10_000, body_bytes=1 << 24)
BOMB = b"PACKED"
NAMES = ("X", "Content-Length", "content-length", "Transfer-Encoding", "Host", "Connection", "X ")
VALUES = ("5", " 5", "5 ", "0", "05", "5, 5", "chunked", "close", "keep-alive", "a\tb", "", "\xe9")
LINES = ("GET / HTTP/1.1", "POST /a?b HTTP/1.1", "POST / HTTP/1.0", "PUT * HTTP/1.1")
FIELD = st.builds(": ".join, st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)))
PIECES = st.one_of(
    st.builds(
        lambda first, fields: head(*fields, first=first),
        st.sampled_from(LINES),
        st.lists(FIELD, max_size=4),
    ),
    st.sampled_from((b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\r\n", b"\n", b"\r", b"\0")),
    st.just(head(f"Content-Length: {len(CALL)}") + CALL),
)


@dataclass(frozen=True)
class Found:
    """One request of a stream."""

    method: str
    target: str
    body: bytes


def ours(stream: bytes) -> list[Found] | None:
    """None where it is refused."""
    try:
        requests = RequestReader(WIDE).feed(stream)
    except HttpRefused:
        return None
    return [
        Found(each.method, each.path + ("?" + each.query if each.query else ""), each.body)
        for each in requests
    ]


def theirs(stream: bytes) -> list[Found] | None:
    """The same of h11, which answers each request to be given the next one."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 24)
    connection.receive_data(stream)
    found: list[Found] = []
    request: h11.Request | None = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            match event:
                case h11.Request():
                    request, body = event, b""
                case h11.Data(data=data):
                    body += bytes(data)
                case h11.EndOfMessage() if request is not None:
                    target = request.target.decode("latin-1")
                    found.append(Found(request.method.decode(), target, body))
                    connection.send(h11.Response(status_code=204, headers=[]))
                    connection.send(h11.EndOfMessage())
                    if connection.our_state is not h11.DONE:
                        return found  # the client wanted no more than this one
                    connection.start_next_cycle()
                case _:
                    return found
    except h11.RemoteProtocolError:
        return None
    except h11.LocalProtocolError:
        return found  # a tunnel begins


def require_agreement(stream: bytes) -> None:
    """Neither finds a request where the other finds another one."""
    mine, other = ours(stream), theirs(stream)
    if mine is not None and other is not None:
        for one, two in zip(mine, other, strict=False):
            assert one == two
        assert mine[: len(other)] == other or other[: len(mine)] == mine


@given(st.lists(PIECES, max_size=5).map(b"".join))
@example(head("Content-Length: 5", "Content-Length: 5") + b"hello")
@example(head("Content-Length: 5") + b"hello" + head("Content-Length: 0"))
@example(head("Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n" + head())
def test_streams_are_cut_into_the_same_requests(stream: bytes) -> None:
    require_agreement(stream)


@given(st.data())
def test_a_changed_byte_makes_no_second_stream_of_it(data: st.DataObject) -> None:
    stream = bytearray(head(f"Content-Length: {len(CALL)}", "X: y") + CALL + head("A: b"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] = data.draw(st.sampled_from(b"\r\n\0\t :,;05aZ\x0b\x7f\xff"))
    require_agreement(bytes(stream))


def test_the_corpus_of_abuse_is_cut_alike() -> None:
    for case in corpus(BOMB):
        require_agreement(case.data)
        require_agreement(head(f"Content-Length: {len(CALL)}") + CALL + case.data)


def test_good_streams_are_read_by_both() -> None:
    good = head(f"Content-Length: {len(CALL)}") + CALL
    for count in range(1, 4):
        expected = [Found("POST", "/", CALL)] * count
        assert ours(good * count) == theirs(good * count) == expected
