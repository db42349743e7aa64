"""Yamux frames are cut out of any pieces; what is no Yamux is a fault of the peer."""

import pytest

from p2p.errors import PeerMisbehaved
from p2p.yamux_frames import (
    Flag,
    FrameHeader,
    FramePayload,
    FrameSplitter,
    FrameType,
    pack_frame,
)

STREAM = (
    pack_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
    + pack_frame(FrameType.DATA, Flag.NONE, 1, 5)
    + b"hello"
    + pack_frame(FrameType.DATA, Flag.FIN, 1, 0)
    + pack_frame(FrameType.PING, Flag.SYN, 0, 77)
    + pack_frame(FrameType.GO_AWAY, Flag.NONE, 0, 0)
)
HEADERS = [
    FrameHeader(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0),
    FrameHeader(FrameType.DATA, Flag.NONE, 1, 5),
    FrameHeader(FrameType.DATA, Flag.FIN, 1, 0),
    FrameHeader(FrameType.PING, Flag.SYN, 0, 77),
    FrameHeader(FrameType.GO_AWAY, Flag.NONE, 0, 0),
]


@pytest.mark.parametrize("step", [1, 2, 5, 11, 12, 13, 1_000])
def test_any_cut_of_the_stream_gives_the_same_frames(step: int) -> None:
    splitter = FrameSplitter()
    parts = [
        part for at in range(0, len(STREAM), step) for part in splitter.feed(STREAM[at : at + step])
    ]
    assert [part for part in parts if isinstance(part, FrameHeader)] == HEADERS
    payloads = [part for part in parts if isinstance(part, FramePayload)]
    assert b"".join(part.data for part in payloads) == b"hello"
    assert [part.is_last for part in payloads] == [False] * (len(payloads) - 1) + [True]


@pytest.mark.parametrize("head", [b"\x01" + bytes(11), b"\x00\x04" + bytes(10)])
def test_another_version_or_type_is_no_yamux(head: bytes) -> None:
    with pytest.raises(PeerMisbehaved, match="not a Yamux frame"):
        list(FrameSplitter().feed(head))
