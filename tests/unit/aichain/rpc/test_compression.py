"""Who is answered in gzip, and that it is the same answer."""

import gzip

import pytest

from aichain.rpc.compression import INLINE_BYTES, LEAST_BYTES, Compressor, accepts_gzip


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("br, zstd", False),
    ],
)
def test_encodings_are_read_as_rfc_9110_has_them(accepted: str, wanted: bool) -> None:
    assert accepts_gzip(accepted) is wanted


@pytest.mark.parametrize("size_bytes", [LEAST_BYTES, INLINE_BYTES, INLINE_BYTES + 1, 1_000_000])
async def test_the_answer_is_the_same(size_bytes: int) -> None:
    body = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    packed, headers = await Compressor().compress(body, "gzip, deflate")
    assert headers == {"content-encoding": "gzip", "vary": "accept-encoding"}
    assert gzip.decompress(packed) == body
    assert len(packed) < len(body)


async def test_small_answers_and_callers_that_do_not_ask_are_left_alone() -> None:
    small, large = bytes(LEAST_BYTES - 1), bytes(LEAST_BYTES)
    assert await Compressor().compress(small, "gzip") == (small, {})
    assert await Compressor().compress(large, "br") == (large, {"vary": "accept-encoding"})
