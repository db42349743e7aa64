"""Bodies of JSON-RPC requests."""

import json
from collections.abc import Sequence


def body_of(method: str, params: Sequence[object], batch: int = 1) -> bytes:
    """One call, or an array of so many."""
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps([call] * batch if batch > 1 else call).encode()
