"""Frames survive being cut anywhere, and lengths are refused before their payload is waited for."""

import pytest

from native.errors import DecodeError
from p2p.wire.framing import FrameReader, VarintFrameReader, frame

PAYLOADS = [b"", b"a", b"vote" * 1_000, b"\0" * 70_000]


def test_frames_come_out_whole_one_byte_at_a_time() -> None:
    reader = FrameReader(100_000)
    stream = b"".join(frame(payload) for payload in PAYLOADS)
    assert [each for byte in stream for each in reader.feed(bytes([byte]))] == PAYLOADS
    assert reader.is_empty


def test_frames_come_out_whole_all_at_once() -> None:
    reader = FrameReader(100_000)
    assert list(reader.feed(b"".join(map(frame, PAYLOADS)))) == PAYLOADS


def test_an_oversize_length_is_refused_before_its_payload() -> None:
    reader = FrameReader(10)
    with pytest.raises(DecodeError, match="a frame of 11 bytes"):
        list(reader.feed((11).to_bytes(4, "big")))
    with pytest.raises(DecodeError, match="given up"):
        list(reader.feed(frame(b"x")))


def test_frames_before_a_bad_one_are_delivered() -> None:
    reader = FrameReader(10)
    frames = reader.feed(frame(b"good") + b"\xff\xff\xff\xff")
    assert next(frames) == b"good"
    with pytest.raises(DecodeError):
        next(frames)


def test_an_unfinished_frame_is_not_empty() -> None:
    reader = FrameReader(10)
    assert list(reader.feed(frame(b"abc")[:-1])) == []
    assert not reader.is_empty


def varint(payload: bytes) -> bytes:
    length, head = len(payload), b""
    while length >= 0x80:
        head += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return head + bytes((length,)) + payload


def test_varint_frames_come_out_whole_one_byte_at_a_time() -> None:
    reader = VarintFrameReader(100_000)
    stream = b"".join(map(varint, PAYLOADS))
    assert [each for byte in stream for each in reader.feed(bytes([byte]))] == PAYLOADS


@pytest.mark.parametrize("head", [b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80", b"\x8b\x01"])
def test_varint_lengths_that_are_too_large_or_endless_are_refused(head: bytes) -> None:
    reader = VarintFrameReader(100)
    with pytest.raises(DecodeError, match="at most 100"):
        list(reader.feed(head))
    with pytest.raises(DecodeError, match="given up"):
        list(reader.feed(b"\x00"))
