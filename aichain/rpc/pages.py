"""What GET serves to people, probes and Prometheus: /health, /ready, /metrics."""

import msgspec

from aichain.metrics import CONTENT_TYPE as METRICS
from aichain.rpc.backend import Backend, NodeStatus
from aichain.rpc.http import JSON, TEXT, HttpRefused
from aichain.rpc.results.node import Readiness
from aichain.rpc.site import SiteAnswer

_INDEX = b"""AI-Chain node.
POST /        JSON-RPC 2.0 (content-type: application/json)
WS   /        the same, and subscriptions
GET  /health  200 while this process serves
GET  /ready   200 while it is level with the network
GET  /metrics Prometheus
GET  /events?topics=newBlocks,transactions,votes&account=0x... server-sent events
GET  /validation  validators, uptime, finality and throughput; /validation.json the same as JSON
GET  /openrpc.json every method with its types
"""


def render_page(path: str, backend: Backend, now_ms: int, ready_within_ms: int) -> SiteAnswer:
    """Raises HttpRefused for paths that are not served."""
    match path:
        case "/health" | "/ready":
            status = backend.status()
            ready = not status.syncing and now_ms - status.finalized_at_ms <= ready_within_ms
            code = 503 if path == "/ready" and not ready else 200
            return _health(code, status, now_ms, ready=ready)
        case "/metrics":
            return SiteAnswer(200, METRICS, backend.metrics_text())
        case "/":
            return SiteAnswer(200, TEXT, _INDEX)
        case _:
            raise HttpRefused(404, "see GET / for what is served")


def _health(code: int, status: NodeStatus, now_ms: int, *, ready: bool) -> SiteAnswer:
    body = Readiness(
        status="ready" if ready else "behind",
        network=status.network,
        height=status.height,
        target_height=status.target_height,
        finalized_ago_ms=max(0, now_ms - status.finalized_at_ms),
        syncing=status.syncing,
        peers=status.peers,
    )
    return SiteAnswer(code, JSON, msgspec.json.encode(body))
