"""gzip for callers that ask for it: most of an answer is hexadecimal, half of which is air."""

import gzip
from typing import Final

import trio

LEVEL: Final = 1
"""Hexadecimal gains nothing by more."""
LEAST_BYTES: Final = 1024
INLINE_BYTES: Final = 64 * 1024
"""Larger ones take more than a millisecond, and consensus shares the thread of the server."""


class Compressor:
    """Compresses answers; large ones in a thread of their own."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(1)

    async def compress(self, body: bytes, accepted: str) -> tuple[bytes, dict[str, str]]:
        """The body to send to who accepts these encodings, and the headers that say what it is."""
        if len(body) < LEAST_BYTES:
            return body, {}
        if not accepts_gzip(accepted):
            return body, {"vary": "accept-encoding"}
        if len(body) <= INLINE_BYTES:
            packed = _pack(body)
        else:
            packed = await trio.to_thread.run_sync(_pack, body, limiter=self._threads)
        return packed, {"content-encoding": "gzip", "vary": "accept-encoding"}


def accepts_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, or anything, and does not exclude it (RFC 9110)."""
    weights: dict[str, bool] = {}
    for item in accepted.lower().split(","):
        name, _, parameter = item.partition(";")
        weight = parameter.replace(" ", "").removeprefix("q=")
        weights[name.strip()] = not parameter or weight.strip("0.") != ""
    return weights.get("gzip", weights.get("*", False))


def _pack(body: bytes) -> bytes:
    return gzip.compress(body, LEVEL, mtime=0)
