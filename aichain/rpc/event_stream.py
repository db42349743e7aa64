"""`GET /events`: the topics of aichain_subscribe as server-sent events (WHATWG HTML §9.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec
import trio

from aichain.rpc.errors import SubscriberLagged, error_object
from aichain.rpc.http import HttpRefused
from aichain.rpc.interests import Interest
from aichain.rpc.limits import RpcLimits
from aichain.rpc.methods.subscribing import Topic, interest_of
from aichain.rpc.outbox import Outbox
from aichain.rpc.unsent import UnsentAnswers
from native.errors import InvalidData

PATH = "/events"
CONTENT_TYPE = "text/event-stream"
_READ_BYTES = 1024
_ALIVE = b": alive\n\n"
"""A comment: readers skip it, and proxies do not take the connection for dead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream is asked for: the name of each event, and what it tells of."""

    names: dict[Interest, str]


def read_query(query: str, limits: RpcLimits) -> Wanted:
    """`topics=newBlocks,votes` and, for each account, `account=0x…`. HttpRefused when it is else.

    Every topic of aichain_subscribe; "account" is asked for by its address alone.
    """
    names: dict[Interest, str] = {}
    try:
        for name, value in parse_qsl(query, strict_parsing=bool(query), max_num_fields=32):
            match name:
                case "topics":
                    for topic in map(Topic, value.split(",")):
                        names[interest_of(topic, None)] = topic.value
                case "account":
                    names[interest_of(Topic.ACCOUNT, value)] = Topic.ACCOUNT.value
                case _:
                    raise HttpRefused(400, "an event stream has topics= and account=")
    except (ValueError, InvalidData) as error:
        if isinstance(error, HttpRefused):
            raise
        topics = ", ".join(topic for topic in Topic if topic is not Topic.ACCOUNT)
        raise HttpRefused(400, f"topics are {topics}; an account is an address") from error
    if not names:
        raise HttpRefused(400, "ask for something: /events?topics=newBlocks")
    if len(names) > limits.subscriptions:
        raise HttpRefused(400, f"at most {limits.subscriptions} subscriptions a stream")
    return Wanted(names)


class EventStream:
    """One reader of events. It is told as much as fits its queue, then that it lagged, and closed:
    browsers come back by themselves."""

    def __init__(
        self, stream: trio.abc.Stream, limits: RpcLimits, unsent: UnsentAnswers, wanted: Wanted
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._names = wanted.names
        self._lagged = False
        self._outbox: Outbox[bytes] = Outbox(limits, unsent)

    async def run(self) -> None:
        """Send until the reader goes away, or lags."""
        with self._outbox.open():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._notice_the_end, nursery.cancel_scope)
                await self._write()
                nursery.cancel_scope.cancel()

    def interests(self) -> Iterable[Interest]:
        return () if self._lagged else self._names

    def notify(self, interest: Interest, result: bytes) -> None:
        if not self._outbox.offer(render_event(self._names[interest], result)):
            self.lag()

    def lag(self) -> None:
        """From here on nothing is queued."""
        self._lagged = True
        self._outbox.end()

    async def _notice_the_end(self, scope: trio.CancelScope) -> None:
        """A reader of events has nothing to say; what it says is skipped."""
        try:
            while await self._stream.receive_some(_READ_BYTES):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

    async def _write(self) -> None:
        while True:
            message = b""
            with trio.move_on_after(self._limits.idle_timeout_s / 5):
                try:
                    message = await self._outbox.take()
                except trio.EndOfChannel:
                    await self._send(render_event("error", _lagged(self._limits)))
                    return
            if not await self._send(message or _ALIVE):
                return
            self._outbox.sent(message)

    async def _send(self, data: bytes) -> bool:
        with trio.move_on_after(self._limits.write_timeout_s) as scope:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return not scope.cancelled_caught


def render_event(name: str, result: bytes) -> bytes:
    """JSON has no line breaks in it, so it is one line of data."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), result)


def _lagged(limits: RpcLimits) -> bytes:
    return msgspec.json.encode(
        error_object(SubscriberLagged(limit_messages=limits.outbox_messages))
    )
