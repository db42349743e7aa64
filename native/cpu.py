"""The engine that is always there: OpenSSL through `cryptography`, in a few threads."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from native.signatures import (
    SignatureItem,
    has_signature_shape,
    parse_public_key,
    verify_parsed,
)

INLINE_BELOW_ITEMS = 8
CHUNK_MAX_ITEMS = 64
THREADS_MAX = 4
PARSED_KEYS_MAX = 1024


class OpenSSLEngine:
    """Verifies item by item; OpenSSL drops the interpreter lock at work, so threads add up."""

    name = "openssl"

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or min(THREADS_MAX, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="native-verify")
        self._parsed = lru_cache(PARSED_KEYS_MAX)(parse_public_key)

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        """One verdict an item, in order. Blocks: an event loop goes through a thread."""
        if len(items) < INLINE_BELOW_ITEMS or self.threads == 1:
            return self._verify_chunk(items)
        size = min(CHUNK_MAX_ITEMS, -(-len(items) // self.threads))
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        return [verdict for part in self._pool.map(self._verify_chunk, chunks) for verdict in part]

    def _verify_chunk(self, items: Sequence[SignatureItem]) -> list[bool]:
        return [
            has_signature_shape(item) and verify_parsed(self._parsed(item.public_key), item)
            for item in items
        ]
