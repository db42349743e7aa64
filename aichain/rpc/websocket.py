"""One WebSocket connection (RFC 6455): calls in order, pushes bounded, slow readers out."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import msgspec
import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token

from aichain.rpc.errors import SubscriberLagged, TooManySubscriptions, error_object
from aichain.rpc.http import HttpRefused, HttpRequest
from aichain.rpc.interests import Interest
from aichain.rpc.jsonrpc import render_notification
from aichain.rpc.limits import RpcLimits
from aichain.rpc.outbox import Outbox
from aichain.rpc.registry import Subscriber
from aichain.rpc.unsent import UnsentAnswers
from native.errors import InvalidData

READ_BYTES = 16 * 1024
_KEY_BYTES = 16
_VERSION = "13"

Answer = Callable[[bytes, Subscriber], Awaitable[bytes | None]]


def accept_upgrade(request: HttpRequest) -> bytes:
    """The 101 response. Raises HttpRefused when this is not a WebSocket 13 handshake."""
    connection = [word.strip().lower() for word in request.headers.get("connection", "").split(",")]
    if request.version != "1.1" or "upgrade" not in connection:
        raise HttpRefused(400, "a WebSocket handshake is HTTP/1.1 with Connection: Upgrade")
    if request.headers.get("sec-websocket-version") != _VERSION:
        raise HttpRefused(426, f"WebSocket version {_VERSION} is spoken here")
    key = request.headers.get("sec-websocket-key", "")
    try:
        if len(base64.b64decode(key, validate=True)) != _KEY_BYTES:
            raise HttpRefused(400, "Sec-WebSocket-Key is 16 bytes in base64")
    except (binascii.Error, ValueError) as error:
        raise HttpRefused(400, "Sec-WebSocket-Key is 16 bytes in base64") from error
    token = generate_accept_token(key.encode())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: %b\r\n\r\n" % token
    )


class WebSocketSession:
    """A served connection; the reader task calls, the writer task alone sends."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: RpcLimits,
        unsent: UnsentAnswers,
        answer: Answer,
        spend: Callable[[], bool],
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._answer = answer
        self._spend = spend
        """Pay for one frame from the caller's budget; False when it is empty."""
        self._protocol = Connection(ConnectionType.SERVER)
        self._message = bytearray()
        self._message_began_s = 0.0
        self._interests: dict[str, Interest] = {}
        self._fresh: dict[str, Interest] = {}
        """Subscriptions whose id the client has not been sent yet."""
        self._made = 0
        self._lagged = False
        self._outbox: Outbox[Event] = Outbox(limits, unsent)

    async def run(self, rest: bytes) -> None:
        """Serve until either side closes; `rest` came together with the handshake."""
        with self._outbox.open():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                await self._read(rest)
                self._outbox.end()

    # --- what calls and the hub use

    def subscribe(self, interest: Interest) -> str:
        if len(self._interests) + len(self._fresh) >= self._limits.subscriptions:
            raise TooManySubscriptions(limit=self._limits.subscriptions)
        self._made += 1
        subscription = f"0x{self._made:x}"
        self._fresh[subscription] = interest
        return subscription

    def unsubscribe(self, subscription: str) -> bool:
        known = self._interests.pop(subscription, None) or self._fresh.pop(subscription, None)
        return known is not None

    def interests(self) -> Iterable[Interest]:
        return () if self._lagged else self._interests.values()

    def notify(self, interest: Interest, result: bytes) -> None:
        for subscription, wanted in self._interests.items():
            if wanted != interest or self._lagged:
                continue
            channel = interest.channel.value
            if not self._outbox.offer(render_notification(channel, subscription, "result", result)):
                self.lag()

    def lag(self) -> None:
        """From here on nothing is queued; the writer tells the client and closes."""
        if not self._interests or self._lagged:
            return
        self._lagged = True
        self._outbox.offer(b"")  # wakes a writer that has nothing to send

    # --- reading

    async def _read(self, rest: bytes) -> None:
        self._protocol.receive_data(rest)
        idle_periods = 0
        while True:
            for event in self._protocol.events():
                # A read may bring thousands of small frames, and consensus shares this thread.
                await trio.lowlevel.checkpoint()
                if not await self._on_event(event):
                    return
            data = None
            with trio.move_on_at(self._deadline_s()):
                data = await self._receive()
            if data is None and self._message:
                await self._close(CloseReason.POLICY_VIOLATION, "the message took too long")
                return
            if data is None:
                idle_periods += 1
                if idle_periods > 1:
                    await self._close(CloseReason.GOING_AWAY, "idle")
                    return
                await self._outbox.put(Ping())
                continue
            if not data:
                return
            idle_periods = 0
            self._protocol.receive_data(data)

    def _deadline_s(self) -> float:
        if self._message:
            return self._message_began_s + self._limits.read_timeout_s
        return trio.current_time() + self._limits.idle_timeout_s

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def _on_event(self, event: Event) -> bool:
        """Handle one frame; False ends the connection."""
        match event:
            case TextMessage() | BytesMessage():
                return await self._on_message(event)
            case Ping():
                if not self._spend():
                    await self._close(CloseReason.POLICY_VIOLATION, "too many pings")
                    return False
                await self._outbox.put(event.response())
                return True
            case Pong():
                if not self._spend():
                    await self._close(CloseReason.POLICY_VIOLATION, "too many pongs")
                    return False
                return True
            case CloseConnection():
                if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                    await self._outbox.put(event.response())
                else:  # a frame that breaks the protocol; wsproto gives the code to close with
                    await self._close(event.code, event.reason or "")
                return False
            case _:
                return True

    async def _on_message(self, event: TextMessage | BytesMessage) -> bool:
        part = event.data.encode() if isinstance(event.data, str) else event.data
        # A whole message pays when it is answered; a frame that completes none pays for itself.
        completes = event.message_finished and part
        if event.frame_finished and not completes and not self._spend():
            await self._close(CloseReason.POLICY_VIOLATION, "too many frames for a message")
            return False
        if not self._message:
            self._message_began_s = trio.current_time()
        self._message += part
        if len(self._message) > self._limits.body_bytes:
            limit = f"at most {self._limits.body_bytes} bytes a message"
            await self._close(CloseReason.MESSAGE_TOO_BIG, limit)
            return False
        if not event.message_finished:
            return True
        body, self._message = bytes(self._message), bytearray()
        await self._outbox.wait_below(self._limits.response_bytes)  # the client does not read
        response = await self._answer(body, self)
        if response is not None:
            await self._outbox.put(response)
        self._interests |= self._fresh
        self._fresh = {}
        return True

    async def _close(self, code: int, reason: str) -> None:
        await self._outbox.put(CloseConnection(code=code, reason=reason[:100]))

    # --- writing

    async def _write(self, scope: trio.CancelScope) -> None:
        """Send what is queued; ends the connection on failure, on close, and when lagged."""
        with suppress(trio.EndOfChannel):
            while await self._write_next():
                pass
        self._outbox.abandon()
        scope.cancel()

    async def _write_next(self) -> bool:
        item = await self._outbox.take()
        if item and not await self._send(item):
            return False
        self._outbox.sent(item)
        if self._lagged and self._outbox.is_empty and not isinstance(item, CloseConnection):
            await self._send_lagged()
            return False
        return not isinstance(item, CloseConnection)

    async def _send_lagged(self) -> None:
        error: InvalidData = SubscriberLagged(limit_messages=self._limits.outbox_messages)
        body = msgspec.json.encode(error_object(error))
        for subscription, interest in self._interests.items():
            notice = render_notification(interest.channel.value, subscription, "error", body)
            if not await self._send(notice):
                return
        await self._send(CloseConnection(code=CloseReason.TRY_AGAIN_LATER, reason="lagged"))

    async def _send(self, item: Event | bytes) -> bool:
        event = TextMessage(item.decode()) if isinstance(item, bytes) else item
        if not self._may_send(event):
            return False
        with trio.move_on_after(self._limits.write_timeout_s) as scope:
            try:
                await self._stream.send_all(self._protocol.send(event))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return not scope.cancelled_caught

    def _may_send(self, event: Event) -> bool:
        if isinstance(event, CloseConnection):
            return self._protocol.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)
        return self._protocol.state is ConnectionState.OPEN
