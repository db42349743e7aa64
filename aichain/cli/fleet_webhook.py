"""Posts an alert to the address that an operator gave: a few tries, each within a bounded time."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from aichain.http_post import post

TRIES: Final = 3
PAUSE_S: Final = 1.0
BUSY: Final = 429
FAILED: Final = 500
TAKEN: Final = range(200, 300)


def post_alert(
    url: str,
    document: Mapping[str, object],
    timeout_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> str | None:
    """None once it is taken (a 2xx answer), else why not: in words without the address, for its
    path is often a secret. Connections that fail, 429 and 5xx are tried again."""
    body = json.dumps(document).encode()
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            pause(PAUSE_S * attempt)
        outcome = _within(2 * timeout_s, lambda: post(url, body, {}, timeout_s))
        if isinstance(outcome, str):
            reason = outcome
        elif outcome in TAKEN:
            return None
        else:
            reason = f"HTTP {outcome}"
            if outcome != BUSY and outcome < FAILED:
                break
    return f"{urlsplit(url).hostname}: {reason}"


def _within(seconds: float, call: Callable[[], int | str]) -> int | str:
    """Its outcome; socket timeouts alone do not end a peer that sends one byte at a time."""
    outcomes: list[int | str] = []
    thread = threading.Thread(target=lambda: outcomes.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    return outcomes[0] if outcomes else "no answer in time"
