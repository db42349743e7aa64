"""The engine that is always there: OpenSSL through `cryptography`, in a few threads."""

from collections.abc import Sequence
from functools import lru_cache

from native.signatures import (
    SignatureItem,
    has_signature_shape,
    parse_public_key,
    verify_parsed,
)
from native.threads import ThreadedEngine

PARSED_KEYS_MAX = 1024


class OpenSSLEngine(ThreadedEngine):
    """Verifies item by item."""

    name = "openssl"
    inline_below_items = 8
    piece_max_items = 64

    def __init__(self, threads: int | None = None) -> None:
        super().__init__(threads)
        self._parsed = lru_cache(PARSED_KEYS_MAX)(parse_public_key)

    def verify_piece(self, items: Sequence[SignatureItem]) -> list[bool]:
        return [
            has_signature_shape(item) and verify_parsed(self._parsed(item.public_key), item)
            for item in items
        ]

    def pin(self, public_keys: Sequence[bytes]) -> None:
        """Nothing: a parsed key wins little here, and the cache of them is large."""

    def cache_counters(self) -> dict[str, int]:
        """Of parsed keys: what missed and is not there any more was evicted."""
        hits, misses, _, recent = self._parsed.cache_info()
        gone = misses - recent
        return {"hits": hits, "misses": misses, "evictions": gone, "pinned": 0, "recent": recent}
