"""What GET serves to people, probes and Prometheus: /health, /ready, /metrics."""

from dataclasses import dataclass

import msgspec

from aichain.metrics import CONTENT_TYPE as METRICS
from aichain.rpc.backend import Backend
from aichain.rpc.http import JSON, TEXT, HttpRefused

READY_WITHIN_MS = 5_000
"""A node whose last final block is older than this should get no new clients."""

_INDEX = b"""AI-Chain node.
POST /        JSON-RPC 2.0 (content-type: application/json)
WS   /        the same, and subscriptions
GET  /health  200 while this process serves
GET  /ready   200 while it is level with the network
GET  /metrics Prometheus
"""


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    content_type: str
    body: bytes


def render_page(path: str, backend: Backend, now_ms: int) -> Page:
    """Raises HttpRefused for paths that are not served."""
    match path:
        case "/health":
            return _health(200, backend, now_ms)
        case "/ready":
            return _health(200 if _is_ready(backend, now_ms) else 503, backend, now_ms)
        case "/metrics":
            return Page(200, METRICS, backend.metrics_text())
        case "/":
            return Page(200, TEXT, _INDEX)
        case _:
            raise HttpRefused(404, "see GET / for what is served")


def _is_ready(backend: Backend, now_ms: int) -> bool:
    status = backend.status()
    return not status.syncing and now_ms - status.finalized_at_ms <= READY_WITHIN_MS


def _health(code: int, backend: Backend, now_ms: int) -> Page:
    status = backend.status()
    body = {
        "status": "ready" if _is_ready(backend, now_ms) else "behind",
        "network": status.network,
        "height": status.height,
        "targetHeight": status.target_height,
        "finalizedAgoMs": max(0, now_ms - status.finalized_at_ms),
        "syncing": status.syncing,
        "peers": status.peers,
    }
    return Page(code, JSON, msgspec.json.encode(body))
