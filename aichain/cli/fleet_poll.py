"""Asks all nodes of a fleet at a time how they are, each within a bounded time."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aichain.cli.client import RpcClient
from aichain.cli.exit_codes import explain, printable
from aichain.client.answers import READY, typed
from aichain.client.errors import RpcError, RpcGarbled, RpcRefused, RpcTokenNeeded
from aichain.clock import SystemClock
from aichain.fleet.health import Answer, Sight, Silence
from aichain.fleet.registry import Capability, FleetNode, Registry
from aichain.rpc.results.node import Readiness
from aichain.shallow_json import load_shallow
from genesis.limits import FLEET_NODES_MAX

OK: Final = 200
TROUBLES: Final = ("clockTrouble", "engineTrouble", "indexTrouble", "archiveTrouble")
CALLS: Final = 3
"""Requests to a node at one look; each may take the whole timeout."""
SPARE_S: Final = 1.0
HELD_UP: Final = Silence("no answer in time")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one node said: of itself, and if it is headquarters, which heartbeats it has."""

    sight: Sight
    heartbeats: tuple[bytes, ...] = ()


class Poller:
    """Looks at a fleet again and again. A node that holds up its thread is not asked anew
    meanwhile: so there is never more than one thread a node, however slowly one answers."""

    def __init__(self, timeout_s: float, workers: int) -> None:
        self._timeout_s = timeout_s
        self._workers = workers
        self._held_up: dict[str, threading.Thread] = {}

    def look(self, registry: Registry) -> Mapping[str, Seen]:
        """What each node says; those that are late are silent."""
        self._held_up = {url: each for url, each in self._held_up.items() if each.is_alive()}
        waiting = deque(node for node in registry.nodes if node.rpc_url not in self._held_up)
        sights: dict[str, Seen] = {}
        asking: dict[threading.Thread, str] = {}

        def work() -> None:
            while True:
                try:
                    node = waiting.popleft()
                except IndexError:
                    return
                asking[threading.current_thread()] = node.rpc_url
                sights[node.name] = ask(node, self._timeout_s)

        threads = [
            threading.Thread(target=work, daemon=True)
            for _ in range(min(self._workers, len(waiting)))
        ]
        rounds = -(-len(waiting) // max(1, len(threads)))
        deadline = time.monotonic() + rounds * CALLS * self._timeout_s + SPARE_S
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        waiting.clear()
        self._held_up |= {
            asking[each]: each for each in threads if each.is_alive() and each in asking
        }
        seen = dict(sights)
        return {node.name: seen.get(node.name, Seen(HELD_UP)) for node in registry.nodes}


def ask(node: FleetNode, timeout_s: float) -> Seen:
    """One node's answer, or why there is none."""
    begun = time.monotonic()
    try:
        with RpcClient(node.rpc_url, timeout_s) as client:
            code, page = _ready_page(client)
            took_ms = int(1000 * (time.monotonic() - begun))
            answer = _answer(code == OK, page, _status(client), took_ms)
            coordinates = Capability.COORDINATES in node.capabilities
            return Seen(answer, _heartbeats(client) if coordinates else ())
    except RpcError as error:
        return Seen(Silence(printable(getattr(error, "reason", "") or explain(error).cause)))


def _ready_page(client: RpcClient) -> tuple[int, Readiness]:
    """The probe: it is open to callers without a token, too."""
    code, body = client.get(READY)
    try:
        page: Readiness = typed(READY, load_shallow(body))
    except (ValueError, RecursionError):
        raise RpcGarbled(url=client.url, reason=f"{READY} is not that of a node") from None
    return code, page


def _status(client: RpcClient) -> Mapping[str, Any]:
    """What a node tells those it knows; nothing where it asks for a token that we have not."""
    try:
        status: Mapping[str, Any] = client.call("aichain_status")
    except (RpcTokenNeeded, RpcRefused):
        return {}
    return status


def _heartbeats(client: RpcClient) -> tuple[bytes, ...]:
    """Those that it keeps; none where it keeps none, or shows them to callers with a token only."""
    try:
        told = client.call("aichain_heartbeats")
        return tuple(bytes.fromhex(each.removeprefix("0x")) for each in told[:FLEET_NODES_MAX])
    except (RpcTokenNeeded, RpcRefused):
        return ()
    except ValueError:
        raise RpcGarbled(url=client.url, reason="a heartbeat is not hexadecimal") from None


def _answer(
    is_ready: bool,
    page: Readiness,
    status: Mapping[str, Any],
    took_ms: int,
) -> Answer:
    return Answer(
        at_ms=SystemClock().now_ms(),
        took_ms=took_ms,
        is_ready=is_ready,
        network=printable(page.network),
        height=page.height,
        target_height=page.target_height,
        finalized_ago_ms=page.finalized_ago_ms,
        is_syncing=page.syncing,
        peers=page.peers,
        genesis_hash=status.get("genesisHash"),
        node_id=status.get("nodeId"),
        voting=status.get("voting"),
        troubles=tuple(status[name] for name in TROUBLES if name in status),
    )
