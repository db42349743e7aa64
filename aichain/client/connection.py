"""JSON-RPC over one kept-alive HTTP connection, or a unix socket: blocking, bounded, no magic."""

import http.client
import json
import os
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NoReturn, Self
from urllib.parse import SplitResult

from aichain.client.answers import check_members, typed
from aichain.client.errors import (
    FieldMissing,
    RpcAddressInvalid,
    RpcGarbled,
    RpcRefused,
    RpcTokenInvalid,
    RpcTokenNeeded,
    RpcUnreachable,
    token_needed,
)
from aichain.client.events import Events
from aichain.client.tokens import DEFAULT_URL, TOKEN_VARIABLE, address_parts, is_sendable, token_for
from aichain.http_answer import BoundedAnswer
from aichain.shallow_json import load_shallow

DEFAULT_TIMEOUT_S: Final = 10.0
EVENTS_TIMEOUT_S: Final = 60.0
"""A node says at least every few seconds that it is there."""
UNAUTHORIZED: Final = 401
UNIX: Final = "unix:"
"""Before the path of a socket, where other addresses have http://."""
MAX_ANSWER_BYTES: Final = 32 << 20


class _Fields(dict[str, Any]):
    """An object of an answer: what it should have and has not is the server's fault, not ours."""

    def __init__(self, url: str, members: dict[str, Any]) -> None:
        super().__init__(members)
        self._url = url

    def __missing__(self, name: str) -> NoReturn:
        raise FieldMissing(url=self._url, reason=f"the answer has no {name!r}")


class Connection:
    """One kept-alive connection to a node. Each thread takes its own."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        token: str | None = None,
    ) -> None:
        """`token` is for nodes that ask for one; without it that of AICHAIN_RPC_TOKEN, if it is
        meant for this address (`client.tokens`)."""
        self._withholds = token is None
        token = token_for(url, os.environ) if token is None else token
        self._withholds &= not token and bool(os.environ.get(TOKEN_VARIABLE))
        if not is_sendable(token):
            raise RpcTokenInvalid(url=url)
        self.url = url
        self._path, self._connection = _connection(url, timeout_s)
        self._connection.response_class = BoundedAnswer
        self._next_id = 0
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 JSON has no better type
        """The result of one call as JSON; RpcRefused when the node answers with an error.

        What is in it has the type of `answers`, and a field that is missing in it is a
        FieldMissing for whoever reads it.
        """
        result = self._one_result(method, params)
        try:
            check_members(method, result)
        except ValueError as error:
            raise self._garbled(method, error) from None
        return result

    def typed_call(self, method: str, *params: object) -> Any:  # noqa: ANN401 a type a method
        """The result of one call as the value that `answers` names for the method."""
        result = self._one_result(method, params)
        try:
            return typed(method, result)
        except ValueError as error:
            raise self._garbled(method, error) from None

    def batch(self, method: str, params: Sequence[tuple[object, ...]]) -> list[Any | RpcRefused]:
        """One request with many calls of a method; refusals stand where their results would."""
        requests = [self._request(method, given) for given in params]
        answers = self._exchange(requests)
        if not isinstance(answers, list) or not all(isinstance(item, dict) for item in answers):
            raise RpcGarbled(url=self.url, reason="the answer to a batch is not a list of objects")
        by_id = {item["id"]: item for item in answers if isinstance(item.get("id"), int)}
        results: list[Any | RpcRefused] = []
        for request in requests:
            try:
                results.append(self._result(by_id.get(request["id"], {})))
            except RpcRefused as refusal:
                results.append(refusal)
        return results

    def get(self, path: str) -> tuple[int, bytes]:
        """A plain GET, for /health and /metrics."""
        return self._round_trip("GET", path, b"")

    def refused(self, error: Mapping[str, Any]) -> RpcRefused:
        """What is raised for the error member of an answer."""
        return RpcRefused.of(error)

    def _garbled(self, method: str, error: ValueError) -> RpcGarbled:
        return RpcGarbled(url=self.url, reason=f"the answer to {method} is none: {error}")

    def _one_result(self, method: str, params: Sequence[object]) -> Any:  # noqa: ANN401 JSON
        request = self._request(method, params)
        answer = self._exchange(request)
        if not isinstance(answer, dict):
            raise RpcGarbled(url=self.url, reason="the answer is not a JSON-RPC object")
        if "result" in answer and answer.get("id") != request["id"]:
            self.close()  # whatever else comes on it may be answers to others, too
            raise RpcGarbled(url=self.url, reason="the answer is to another request")
        return self._result(answer)

    def listen(self, topics: Sequence[str], accounts: Sequence[str]) -> Events:
        """What happens from here on, over another connection to the same node."""
        wanted = [("topics", ",".join(topics))] if topics else []
        wanted += [("account", each) for each in accounts]
        _, connection = _connection(self.url, EVENTS_TIMEOUT_S)
        try:
            return Events(self.url, connection, wanted, self._headers)
        except RpcTokenNeeded:
            raise token_needed(self.url, is_withheld=self._withholds) from None

    def _request(self, method: str, params: Sequence[object]) -> dict[str, object]:
        self._next_id += 1
        return {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": list(params)}

    def _exchange(self, request: object) -> object:
        status, body = self._round_trip("POST", self._path, json.dumps(request).encode())
        if status == UNAUTHORIZED:
            raise token_needed(self.url, is_withheld=self._withholds)
        try:
            answer: object = load_shallow(body, object_hook=partial(_Fields, self.url))
        except (ValueError, RecursionError) as error:
            reason = f"HTTP {status} without JSON: {error}"
            raise RpcGarbled(url=self.url, reason=reason) from None
        return answer

    def _round_trip(self, verb: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Send and read; a connection that the server closed while idle is opened again once."""
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        for attempt in (0, 1):
            fresh = self._connection.sock is None
            try:
                self._connection.request(verb, path, body, headers)
                response = self._connection.getresponse()
                content = response.read(MAX_ANSWER_BYTES + 1)
            except ConnectionError as error:
                self._connection.close()
                if fresh or attempt:
                    raise RpcUnreachable(url=self.url, reason=_why(error)) from None
            except http.client.HTTPException:
                self._connection.close()
                raise RpcGarbled(url=self.url, reason="what answers does not speak HTTP") from None
            except OSError as error:
                self._connection.close()
                raise RpcUnreachable(url=self.url, reason=_why(error)) from None
            else:
                if len(content) > MAX_ANSWER_BYTES:
                    self._connection.close()
                    raise RpcGarbled(url=self.url, reason="the answer is larger than 32 MiB")
                return response.status, content
        raise AssertionError("the second attempt returns or raises")

    def _result(self, answer: dict[str, Any]) -> Any:  # noqa: ANN401 JSON has no better type
        error = answer.get("error")
        if isinstance(error, dict):
            raise self.refused(error)
        if "result" not in answer:
            raise RpcGarbled(url=self.url, reason="the answer has neither result nor error")
        return answer["result"]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._socket_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._socket_path)
        except OSError:
            self.close()
            raise


def _connection(url: str, timeout_s: float) -> tuple[str, http.client.HTTPConnection]:
    """The path to call at an address, and a connection that is opened when it is first used."""
    if url.startswith(UNIX):
        return "/", _UnixConnection(url.removeprefix(UNIX), timeout_s)
    parts = _address(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None, "an address has a host"
    return parts.path or "/", kind(parts.hostname, parts.port, timeout=timeout_s)


def _address(url: str) -> SplitResult:
    """The parts of an address that can be called, or RpcAddressInvalid."""
    try:
        parts = address_parts(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError as error:  # UnicodeError is one
        raise RpcAddressInvalid(url=url, reason=str(error)) from None
    called = host.decode() + parts.path
    is_plain = called.isascii() and called.isprintable() and " " not in called
    if parts.scheme not in ("http", "https") or not host or not is_plain:
        raise RpcAddressInvalid(url=url, reason="this is not an http address")
    return parts


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
