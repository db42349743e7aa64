"""Sends a signed heartbeat to the headquarters of the fleet once a minute."""

import http.client
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio

from aichain.clock import Clock
from aichain.fleet.heartbeat import Heartbeat, seal_heartbeat
from aichain.http_answer import BoundedAnswer
from aichain.readings import MachineReader
from aichain.shallow_json import load_shallow
from native.node_keys import peer_id_of_seed

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
TIMEOUT_S: Final = 5.0
ANSWER_MAX_BYTES: Final = 64 * 1024
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Headquarters:
    """Where heartbeats go."""

    url: str
    token: str = field(default="", repr=False)
    """For one that asks its callers for a token."""


class HeartbeatSender:
    """One a minute. What cannot be sent is lost: the next one says more."""

    def __init__(
        self,
        headquarters: Headquarters,
        seed: bytes,
        home: Path,
        height: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._headquarters = headquarters
        self._seed = seed
        self._home = home
        self._height = height
        self._clock = clock
        self._reader = MachineReader()
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled; an end does not wait for a thread that reads or sends."""
        sequence = self._clock.now_ms()  # above that of any earlier run, but for a clock set back
        while True:
            sequence += 1
            told = await trio.to_thread.run_sync(
                self._send,
                sequence,
                abandon_on_cancel=True,  # type: ignore[call-arg]  # newer than the stubs
            )
            if told and not self._trouble:
                log.warning("headquarters do not take our heartbeats: %s", told)
            elif self._trouble and not told:
                log.info("headquarters take our heartbeats again")
            self._trouble = told
            await trio.sleep(EVERY_S)

    def _send(self, sequence: int) -> str:
        """What went wrong, or nothing. Blocking."""
        telemetry = self._reader.read(self._home)
        heartbeat = Heartbeat(
            peer_id=peer_id_of_seed(self._seed),
            sequence=sequence,
            sent_ms=self._clock.now_ms(),
            height=self._height(),
            telemetry=telemetry,
        )
        return post_heartbeat(self._headquarters, seal_heartbeat(heartbeat, self._seed))


def post_heartbeat(headquarters: Headquarters, raw: bytes, timeout_s: float = TIMEOUT_S) -> str:
    """Empty once it is taken, else why it is not."""
    parts = urlsplit(headquarters.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None, "the setting was checked where it was read"
    connection = kind(parts.hostname, parts.port, timeout=timeout_s)
    connection.response_class = BoundedAnswer
    headers = {"Content-Type": "application/json"}
    if headquarters.token:
        headers["Authorization"] = f"Bearer {headquarters.token}"
    call = {"jsonrpc": "2.0", "id": 1, "method": "aichain_heartbeat", "params": ["0x" + raw.hex()]}
    try:
        connection.request("POST", parts.path or "/", json.dumps(call).encode(), headers)
        response = connection.getresponse()
        answer = response.read(ANSWER_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return _trouble(response.status, answer)


def _trouble(status: int, answer: bytes) -> str:
    """What the answer of headquarters complains of; empty if of nothing."""
    try:
        document = load_shallow(answer)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return f"HTTP {status} without JSON"
    if status == OK and document.get("result") is True:
        return ""
    error = document.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return f"HTTP {status}: {str(message)[:200]!r}"
