"""What happens on a chain as it happens, over a connection of its own (`GET /events`)."""

import http.client
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlencode

from aichain.client.answers import typed_event
from aichain.client.errors import RpcGarbled, RpcRefused, RpcTokenNeeded, RpcUnreachable
from aichain.http_answer import BoundedAnswer
from aichain.rpc.results.blocks import BlockHead
from aichain.rpc.results.notices import AccountNotice, VoteNotice
from aichain.rpc.results.transactions import TransactionStatus
from aichain.shallow_json import load_shallow

Event: TypeAlias = BlockHead | TransactionStatus | AccountNotice | VoteNotice

LINE_MAX_BYTES: Final = 4 << 20
REASON_MAX_BYTES: Final = 4 << 10
OK: Final = 200
UNAUTHORIZED: Final = 401
ERROR: Final = "error"
NAME: Final = b"event: "
DATA: Final = b"data: "


class _EventsAnswer(BoundedAnswer):
    """Its head, or a refusal, comes soon or not at all."""

    TIMEOUTS = 1


class Events:
    """An endless iterator; leaving the `with` block ends the connection.

    Values come in the order in which the node tells of them. A reader that is too slow is refused
    (`subscriber_lagged`): what it missed it asks for, by `block`, and then listens anew.
    """

    def __init__(
        self,
        url: str,
        connection: http.client.HTTPConnection,
        wanted: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
    ) -> None:
        self._url = url
        self._connection = connection
        connection.response_class = _EventsAnswer
        try:
            connection.request("GET", f"/events?{urlencode(tuple(wanted))}", headers=dict(headers))
            response = connection.getresponse()
            reason = b"" if response.status == OK else response.read(REASON_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise RpcUnreachable(url=url, reason=str(error) or type(error).__name__) from None
        assert isinstance(response, _EventsAnswer), "the connection was told its kind of answers"
        self._response = response
        if response.status != OK:
            self.close()
            if response.status == UNAUTHORIZED:
                raise RpcTokenNeeded(url=url)
            told = reason.decode(errors="replace").strip()
            raise RpcGarbled(url=url, reason=f"HTTP {response.status}: {told}")
        response.never_ends()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def __iter__(self) -> Iterator[Event]:
        name = ""
        while True:
            line = self._line()
            if line.startswith(NAME):
                name = line.removeprefix(NAME).decode(errors="replace")
            elif line.startswith(DATA):
                yield self._event(name, line.removeprefix(DATA))

    def _event(self, name: str, data: bytes) -> Event:
        try:
            told: Any = load_shallow(data)
            if name == ERROR and isinstance(told, dict):
                raise RpcRefused.of(told)
            event: Event = typed_event(name, told)
        except (ValueError, RecursionError) as error:
            raise RpcGarbled(url=self._url, reason=f"an event {name!r} is none: {error}") from None
        return event

    def _line(self) -> bytes:
        """The next one, without its end; comments keep a connection that is silent alive."""
        try:
            line = self._response.readline(LINE_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise RpcUnreachable(url=self._url, reason=str(error) or "it fell silent") from None
        if not line:
            raise RpcUnreachable(url=self._url, reason="the node ended the connection")
        if not line.endswith(b"\n"):
            raise RpcGarbled(url=self._url, reason=f"a line is longer than {LINE_MAX_BYTES} bytes")
        return line.rstrip(b"\r\n")
