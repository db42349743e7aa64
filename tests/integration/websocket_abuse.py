"""Frames that break RFC 6455, or that ask for more than a connection is worth."""

import base64
import struct
from dataclasses import dataclass, field

from aichain.rpc.limits import RpcLimits

KEY = base64.b64encode(bytes(16))
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n" % KEY
)
PROTOCOL, INVALID, POLICY, TOO_BIG = 1002, 1007, 1008, 1009
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
_SMALL = RpcLimits(body_bytes=100_000, calls_per_second=10, burst_calls=200, read_timeout_s=0.5)
_SLOW = RpcLimits(read_timeout_s=0.5, idle_timeout_s=2.0)


@dataclass(frozen=True, slots=True)
class WebSocketAbuse:
    """What a client sends after its handshake, and the code that it is closed with."""

    name: str
    data: bytes
    code: int
    limits: RpcLimits = field(default=_SMALL)

    def is_closed_with(self, said: bytes) -> bool:
        """Whether the last frame of what was said is a close with that code."""
        place = said.rfind(struct.pack("!H", self.code))
        return place >= 2 and said[place - 2] == 0x80 | CLOSE


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    masked: bool = True,
    reserved: int = 0,
    length: int | None = None,
) -> bytes:
    """A client's frame, its mask zero; `length` is what it claims."""
    size = len(payload) if length is None else length
    first = (0x80 if final else 0) | reserved << 4 | opcode
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack("!Q", size)
    return head + (bytes(4) if masked else b"") + payload


def frames(bomb: bytes) -> tuple[WebSocketAbuse, ...]:
    """The corpus; `bomb` unpacks to much more than it is."""
    part = frame(CONTINUED, b"a", final=False)
    return (
        WebSocketAbuse("unmasked", frame(TEXT, b"{}", masked=False), PROTOCOL),
        WebSocketAbuse("a large ping", frame(PING, bytes(126)), PROTOCOL),
        WebSocketAbuse("a huge ping", frame(PING, bytes(70_000)), PROTOCOL),
        WebSocketAbuse("a ping in parts", frame(PING, b"a", final=False), PROTOCOL),
        WebSocketAbuse("a large close", frame(CLOSE, bytes(126)), PROTOCOL),
        WebSocketAbuse("a close of one byte", frame(CLOSE, b"a"), PROTOCOL),
        WebSocketAbuse("a close without a meaning", frame(CLOSE, b"\x03\xed"), PROTOCOL),
        WebSocketAbuse("a close that is no text", frame(CLOSE, b"\x03\xe8\xff"), INVALID),
        WebSocketAbuse("an unknown opcode", frame(0x3, b"a"), PROTOCOL),
        WebSocketAbuse("an unknown control frame", frame(0xB, b"a"), PROTOCOL),
        WebSocketAbuse("a part of nothing", frame(CONTINUED, b"a"), PROTOCOL),
        WebSocketAbuse(
            "a message within a message", frame(TEXT, b"a", final=False) + frame(TEXT), PROTOCOL
        ),
        WebSocketAbuse("not UTF-8", frame(TEXT, b"\xff\xfe"), INVALID),
        WebSocketAbuse("half a character", frame(TEXT, b"\xe2\x82"), INVALID),
        WebSocketAbuse("packed, as nobody agreed on", frame(TEXT, bomb, reserved=4), PROTOCOL),
        WebSocketAbuse("other reserved bits", frame(TEXT, b"{}", reserved=3), PROTOCOL),
        WebSocketAbuse("a length beyond all", frame(BINARY, b"a", length=1 << 62), POLICY, _SLOW),
        WebSocketAbuse("a length below zero", frame(BINARY, b"a", length=1 << 63), PROTOCOL),
        WebSocketAbuse("a message over the limit", frame(BINARY, bytes(200_000)), TOO_BIG),
        WebSocketAbuse(
            "a message over the limit in parts",
            frame(BINARY, bytes(50_000), final=False)
            + frame(CONTINUED, bytes(60_000), final=False),
            TOO_BIG,
        ),
        WebSocketAbuse("a message without end", frame(TEXT, b"{", final=False), POLICY, _SLOW),
        WebSocketAbuse("parts without end", frame(TEXT, b"a", final=False) + part * 2_000, POLICY),
        WebSocketAbuse(
            "empty parts without end",
            frame(TEXT, b"", final=False) + frame(CONTINUED, final=False) * 2_000,
            POLICY,
        ),
        WebSocketAbuse("pings without end", frame(PING, b"a") * 2_000, POLICY),
        WebSocketAbuse("pongs without end", frame(PONG, b"a") * 2_000, POLICY),
    )
