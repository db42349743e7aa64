"""A look at a fleet as JSON: what `node health --json` prints, and what a webhook is sent."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from aichain.fleet.health import Change, FleetHealth, NodeHealth, State

Json = dict[str, object]
NAMED_MAX: Final = 3


def health_document(health: FleetHealth, checked_at: str) -> Json:
    """`checked_at` is the time as text, as Symphony's monitor has it."""
    return {
        "checked_at": checked_at,
        "checked_at_ms": health.checked_at_ms,
        "nodes": [_node(each) for each in health.nodes],
        "summary": summary(health),
    }


def alert_document(health: FleetHealth, alerts: Sequence[Change]) -> Json:
    """What a webhook is sent. `text` is what Slack shows, `content` is the same for Discord."""
    lines = "\n".join(alert_line(each) for each in alerts)
    return {
        "event": "fleet.alert",
        "checked_at_ms": health.checked_at_ms,
        "alerts": alert_list(alerts),
        "summary": summary(health),
        "text": lines,
        "content": lines,
    }


def alert_list(alerts: Sequence[Change]) -> list[Json]:
    return [
        {
            "node_id": each.now.node.name,
            "role": each.now.node.role.value,
            "before": each.before and each.before.value,
            "state": each.now.state.value,
            "reasons": list(each.now.reasons),
        }
        for each in alerts
    ]


def alert_line(change: Change) -> str:
    """One alert for people."""
    before = "" if change.before is None else f"{change.before} → "
    why = f": {'; '.join(change.now.reasons)}" if change.now.reasons else ""
    return f"{change.now.node.name} {before}{change.now.state}{why}"


def summary(health: FleetHealth) -> Json:
    return {"total": len(health.nodes), **{each.value: health.count(each) for each in State}}


def trouble_line(health: FleetHealth) -> str:
    """Who is not well, in one line."""
    ill = [each for each in health.nodes if each.state is not State.ONLINE]
    ill.sort(key=lambda each: each.state is not State.OFFLINE)
    named = [f"{each.node.name} {each.state} ({'; '.join(each.reasons)})" for each in ill]
    more = f" and {len(ill) - NAMED_MAX} more" if len(ill) > NAMED_MAX else ""
    total = len(health.nodes)
    return f"{len(ill)} of {total} not well: {', '.join(named[:NAMED_MAX])}{more}"


def _node(each: NodeHealth) -> Json:
    node, answer = each.node, each.answer
    return {
        "node_id": node.name,
        "display_name": node.display_name or node.name,
        "role": node.role.value,
        "capabilities": sorted(node.capabilities),
        "rpc_url": node.rpc_url,
        "state": each.state.value,
        "reasons": list(each.reasons),
        "last_seen_ms": each.last_seen_ms,
        "network": answer and answer.network,
        "height": answer and answer.height,
        "finalized_ago_ms": answer and answer.finalized_ago_ms,
        "peers": answer and answer.peers,
        "took_ms": answer and answer.took_ms,
        "heartbeat": each.heartbeat
        and {
            "sent_ms": each.heartbeat.sent_ms,
            "height": each.heartbeat.height,
            "telemetry": asdict(each.heartbeat.telemetry),
        },
    }
