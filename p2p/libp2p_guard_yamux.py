"""Yamux whose peers cannot overrun it: windows, streams, frames and answers are all bounded.

Replaces py-libp2p's `Yamux` (0.8.1), which takes any amount of data past a window with a warning,
polls every 10 ms for credit, credits every single read, and formats log lines for every frame.
"""

import math
from collections import deque
from typing import Final

import trio
from libp2p.abc import ISecureConn
from libp2p.io.exceptions import ConnectionClosedError, IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamEOF, MuxedStreamError, MuxedStreamReset
from libp2p.stream_muxer.yamux.yamux import DEFAULT_WINDOW_SIZE, GO_AWAY_NORMAL, Yamux, YamuxStream

from p2p.delay_line import DelayLine
from p2p.errors import PeerMisbehaved, Penalty
from p2p.toll import FRAMES_PER_TURN, Toll
from p2p.yamux_frames import Flag, FrameHeader, FramePayload, FrameSplitter, FrameType, pack_frame

# A Yamux frame with its 12 bytes of header fits one Noise message of 65,519 bytes.
MAX_FRAME_PAYLOAD: Final = 65_507
CREDIT_STEP: Final = 48 * 1024
WIDE_WINDOW: Final = 1024 * 1024

PING_INTERVAL_S: Final = 5.0
PING_TIMEOUT_S: Final = 15.0
WRITE_STALL_S: Final = 20.0
_FAREWELL_S: Final = 0.5

STREAMS_BEFORE_HELLO: Final = 8
STREAMS_OF_A_PEER: Final = 24
_PENDING_REPLIES: Final = 256
# Per ping interval. Honest peers stay far below; whoever exceeds them loses the connection.
_FRAMES_PER_INTERVAL: Final = 20_000
_STREAMS_PER_INTERVAL: Final = 500
_DISCARDED_PER_INTERVAL: Final = 32 * 1024 * 1024

_GONE = (ConnectionClosedError, RawConnError, IOException, OSError, trio.ClosedResourceError)


class GuardedStream(YamuxStream):
    """A stream that waits for credit instead of polling, and credits in steps."""

    conn: "GuardedYamux"

    def __init__(self, stream_id: int, conn: "GuardedYamux", is_initiator: bool) -> None:
        super().__init__(stream_id, conn, is_initiator)
        self.readable = trio.Event()
        self.writable = trio.Event()
        self.ends_with_frame = False
        self._uncredited = 0

    async def write(self, data: bytes) -> None:
        """Send everything, as fast as the peer reads; MuxedStreamReset if it does not at all."""
        at = 0
        while at < len(data):
            await self._wait_for_window()
            size = min(len(data) - at, self.send_window, MAX_FRAME_PAYLOAD)
            self.send_window -= size
            head = pack_frame(FrameType.DATA, Flag.NONE, self.stream_id, size)
            await self._send(head + data[at : at + size])
            at += size

    async def read(self, n: int | None = -1) -> bytes:
        """What has arrived, at most `n` bytes; waits for the first byte."""
        while True:
            buffer = self.conn.stream_buffers.get(self.stream_id)
            if buffer:
                return await self._take(buffer, n)
            if self.reset_received:
                raise MuxedStreamReset("reset")
            if buffer is None or self.recv_closed or self.closed:
                raise MuxedStreamEOF("closed")
            self.readable = trio.Event()
            await self.readable.wait()

    async def widen(self) -> None:
        """Let the peer have a megabyte on the way: for streams that carry whole blocks."""
        increment = WIDE_WINDOW - DEFAULT_WINDOW_SIZE
        self.recv_window += increment
        await self._send(pack_frame(FrameType.WINDOW_UPDATE, Flag.NONE, self.stream_id, increment))

    def wake(self) -> None:
        """Something changed for whoever reads or writes."""
        self.readable.set()
        self.writable.set()

    async def _wait_for_window(self) -> None:
        if self.send_window > 0 and not (self.send_closed or self.closed):
            return  # nearly always: a deadline costs more than the frame's header
        with trio.move_on_after(WRITE_STALL_S):
            while not (self.send_closed or self.closed or self.send_window > 0):
                self.writable = trio.Event()
                await self.writable.wait()
        if self.send_closed or self.closed:
            raise MuxedStreamReset("closed for sending")
        if self.send_window <= 0:
            raise MuxedStreamReset("the peer reads nothing")

    async def _take(self, buffer: bytearray, n: int | None) -> bytes:
        if n is None or n < 0 or n >= len(buffer):
            taken = bytes(buffer)
            buffer.clear()
        else:
            taken = bytes(buffer[:n])
            del buffer[:n]
        self._uncredited += len(taken)
        if self._uncredited >= CREDIT_STEP and not (self.closed or self.recv_closed):
            increment, self._uncredited = self._uncredited, 0
            self.recv_window += increment
            update = pack_frame(FrameType.WINDOW_UPDATE, Flag.NONE, self.stream_id, increment)
            await self._send(update)
        return taken

    async def _send(self, frame: bytes) -> None:
        try:
            await self.conn._write_frame(frame)
        except _GONE as error:
            raise MuxedStreamReset("the connection is gone") from error


class GuardedYamux(Yamux):
    """One connection. Its receive loop never waits for a write, so two of them cannot lock up."""

    def __init__(
        self, secured_conn: ISecureConn, peer_id: ID, *args: object, **kwargs: object
    ) -> None:
        super().__init__(secured_conn, peer_id, *args, **kwargs)  # type: ignore[arg-type]
        self.new_stream_send_channel, self.new_stream_receive_channel = trio.open_memory_channel(
            STREAMS_OF_A_PEER
        )
        self.max_inbound_streams = STREAMS_BEFORE_HELLO
        self.greeted = trio.Event()  # set once the peer's hello was verified
        self.misbehaviour: PeerMisbehaved | None = None
        self.delay_s = 0.0  # fault injection: how much longer what arrives should take
        self.toll = Toll()
        self._late = DelayLine(self._receive)
        self._splitter = FrameSplitter()
        self._replies: deque[bytes] = deque()
        self._reply_queued = trio.Event()
        self._frames = self._syns = self._discarded = 0

    async def start(self) -> None:
        """Serve the connection until it ends. Never raises: the swarm would stop with it."""
        if self.event_started.is_set():
            return
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._write_replies)
                nursery.start_soon(self._keep_alive)
                nursery.start_soon(self._hand_on_late)
                self._established = True
                self.event_started.set()
                await self.handle_incoming()
                nursery.cancel_scope.cancel()
        except Exception:  # a broken connection of any kind must not stop the swarm
            await self.sever()
        finally:
            self.event_started.set()
            self.new_stream_send_channel.close()

    async def handle_incoming(self) -> None:
        """Read frames until the connection ends, for whatever reason, then clean up."""
        try:
            while not self.event_shutting_down.is_set():
                data = await self.secured_conn.read(None)
                if self.delay_s or self._late:
                    await self._late.put(data, self.delay_s)
                else:
                    await self._receive(data)
        except PeerMisbehaved as error:
            self.misbehaviour = error
        except Exception:  # reset, decryption failure, end of stream: the connection is over
            pass
        await self._late.drained()
        await self._cleanup_on_error()

    async def _hand_on_late(self) -> None:
        try:
            await self._late.run()
        except PeerMisbehaved as error:
            self.misbehaviour = error
            self._late.clear()
            await self.sever()

    async def _receive(self, data: bytes) -> None:
        parts = 0
        for parts, part in enumerate(self._splitter.feed(data), 1):
            self._receive_part(part)
            if parts % FRAMES_PER_TURN == 0:
                await self.toll.pay(0, FRAMES_PER_TURN)
        await self.toll.pay(len(data), parts % FRAMES_PER_TURN)

    def _receive_part(self, part: FrameHeader | FramePayload) -> None:
        if isinstance(part, FramePayload):
            self._receive_data(part)
        else:
            self._receive_header(part)

    async def open_stream(self) -> GuardedStream:
        """A new stream of ours; usable at once, before the peer has acknowledged it."""
        if self.event_shutting_down.is_set():
            raise MuxedStreamError("the connection is shutting down")
        stream = self._register(self.next_stream_id, is_initiator=True)
        self.next_stream_id += 2
        await stream._send(pack_frame(FrameType.WINDOW_UPDATE, Flag.SYN, stream.stream_id, 0))
        return stream

    async def close(self, error_code: int = GO_AWAY_NORMAL) -> None:
        """Say goodbye if that is possible at once, and end the connection."""
        if not self.event_shutting_down.is_set() and not self._write_lock.locked():
            self.event_shutting_down.set()
            farewell = pack_frame(FrameType.GO_AWAY, Flag.NONE, 0, error_code)
            with trio.move_on_after(_FAREWELL_S):
                try:
                    await self.secured_conn.write(farewell)
                except Exception:  # the other side may be gone in any way
                    pass
        await self._cleanup_on_error()

    async def sever(self) -> None:
        """Close the socket without saying goodbye; the receive loop then cleans up."""
        try:
            await self.secured_conn.close()
        except Exception:  # already closed in one of several ways
            pass

    async def _cleanup_on_error(self) -> None:
        self.event_shutting_down.set()
        self.new_stream_send_channel.close()
        streams = tuple(self.streams.values())
        self.streams.clear()
        # What has arrived stays readable; it goes when the last reader lets go of us.
        for stream in streams:
            stream.closed = stream.send_closed = stream.recv_closed = True
            stream.reset_received = True
            if isinstance(stream, GuardedStream):
                stream.wake()
        await self.sever()
        self.event_closed.set()
        if self.on_close is not None:
            on_close, self.on_close = self.on_close, None
            await on_close()

    async def _write_frame(self, data: bytes) -> None:
        # A frame that is cancelled half-way would garble the connection for all streams.
        try:
            self._write_lock.acquire_nowait()
        except trio.WouldBlock:
            await self._write_lock.acquire()
        try:
            with trio.CancelScope(shield=True) as scope:
                scope.deadline = trio.current_time() + WRITE_STALL_S
                await self.secured_conn.write(data)
            if scope.cancelled_caught:
                await self.sever()
                raise ConnectionClosedError("the peer stopped reading", transport="tcp")
        finally:
            self._write_lock.release()

    def _register(self, stream_id: int, *, is_initiator: bool) -> GuardedStream:
        stream = GuardedStream(stream_id, self, is_initiator)
        self.streams[stream_id] = stream
        self.stream_buffers[stream_id] = bytearray()
        return stream

    def _stream(self, stream_id: int) -> GuardedStream | None:
        stream = self.streams.get(stream_id)
        return stream if isinstance(stream, GuardedStream) else None

    def _receive_header(self, frame: FrameHeader) -> None:
        self._frames += 1
        if self._frames > _FRAMES_PER_INTERVAL:
            raise PeerMisbehaved(Penalty.NUISANCE, "a flood of Yamux frames")
        match frame.kind:
            case FrameType.PING:
                self._receive_ping(frame)
            case FrameType.GO_AWAY:
                self.event_shutting_down.set()
            case FrameType.DATA | FrameType.WINDOW_UPDATE:
                if frame.flags & Flag.SYN:
                    self._accept_stream(frame.stream_id)
                self._receive_stream_header(frame)

    def _receive_stream_header(self, frame: FrameHeader) -> None:
        stream = self._stream(frame.stream_id)
        if stream is None:
            if frame.kind is FrameType.DATA:
                self._discard(frame.value)
            return
        if frame.kind is FrameType.WINDOW_UPDATE:
            stream.send_window = min(stream.send_window + frame.value, 2**31)
        elif frame.value > stream.recv_window:
            raise PeerMisbehaved(Penalty.FORGED, "data beyond the window of its stream")
        else:
            stream.recv_window -= frame.value
        if frame.flags & Flag.RST:
            stream.closed = stream.send_closed = stream.recv_closed = True
            stream.reset_received = True
        elif frame.flags & Flag.FIN and not frame.value:
            self._finish(stream)
        elif frame.flags & Flag.FIN:
            stream.ends_with_frame = True
        if stream.closed:
            self._finalize_stream_locked(stream, fully_closed=True)
        stream.wake()

    def _receive_data(self, part: FramePayload) -> None:
        buffer = self.stream_buffers.get(part.stream_id)
        stream = self._stream(part.stream_id)
        if buffer is None or stream is None:
            return
        buffer += part.data
        if part.is_last and stream.ends_with_frame:
            self._finish(stream)
        stream.wake()

    def _finish(self, stream: GuardedStream) -> None:
        stream.recv_closed = True
        stream.closed = stream.send_closed

    def _accept_stream(self, stream_id: int) -> None:
        self._syns += 1
        if self._syns > _STREAMS_PER_INTERVAL:
            raise PeerMisbehaved(Penalty.NUISANCE, "a flood of streams")
        if stream_id == 0 or stream_id % 2 == self.next_stream_id % 2:
            raise PeerMisbehaved(Penalty.MALFORMED, "a stream id that is ours to give")
        if stream_id in self.streams:
            raise PeerMisbehaved(Penalty.MALFORMED, "a stream id used twice")
        theirs = sum(1 for stream in self.streams.values() if not stream.is_initiator)
        if theirs >= self.max_inbound_streams:
            self._reply(pack_frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id, 0))
            return
        stream = self._register(stream_id, is_initiator=False)
        try:
            self.new_stream_send_channel.send_nowait(stream)
        except trio.WouldBlock:
            self._finalize_stream_locked(stream, fully_closed=True)
            self._reply(pack_frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id, 0))
            return
        self._reply(pack_frame(FrameType.WINDOW_UPDATE, Flag.ACK, stream_id, 0))

    def _receive_ping(self, frame: FrameHeader) -> None:
        if frame.flags & Flag.SYN:
            self._reply(pack_frame(FrameType.PING, Flag.ACK, 0, frame.value))
        elif frame.value == self._ping_id and self._ping_sent_time:
            rtt = trio.current_time() - self._ping_sent_time
            self._rtt = rtt if self._rtt == 0.0 else 0.75 * self._rtt + 0.25 * rtt
            self._ping_event.set()

    def _discard(self, size: int) -> None:
        # What was on its way when we reset a stream; more than that is somebody wasting our time.
        self._discarded += size
        if self._discarded > _DISCARDED_PER_INTERVAL:
            raise PeerMisbehaved(Penalty.MALFORMED, "data for streams that do not exist")

    def _reply(self, frame: bytes) -> None:
        if len(self._replies) >= _PENDING_REPLIES:
            raise PeerMisbehaved(Penalty.NUISANCE, "does not read our answers")
        self._replies.append(frame)
        self._reply_queued.set()

    async def _write_replies(self) -> None:
        while True:
            await self._reply_queued.wait()
            self._reply_queued = trio.Event()
            frames = b"".join(self._replies)
            self._replies.clear()
            try:
                await self._write_frame(frames)
            except _GONE:
                return

    async def _keep_alive(self) -> None:
        await trio.sleep(0.5)
        while True:
            self._frames = self._syns = self._discarded = 0
            self._sweep_stale_streams()
            with trio.move_on_after(PING_TIMEOUT_S) as patience:
                await self._ping()
            if patience.cancelled_caught:
                await self.sever()
                return
            await trio.sleep(PING_INTERVAL_S)

    async def _ping(self) -> None:
        self._ping_id = (self._ping_id + 1) % 2**32
        self._ping_event = trio.Event()
        self._ping_sent_time = trio.current_time()
        try:
            await self._write_frame(pack_frame(FrameType.PING, Flag.SYN, 0, self._ping_id))
        except _GONE:
            await trio.sleep(math.inf)  # the receive loop has noticed and ends this task
        await self._ping_event.wait()
