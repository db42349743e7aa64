"""Registries, answers and heartbeats of made-up fleets."""

import json
from dataclasses import replace
from typing import Any

from aichain.fleet.health import Answer
from aichain.fleet.heartbeat import Heartbeat
from aichain.fleet.telemetry import Gpu, GpuSource, Host, Telemetry
from native.node_keys import peer_id_of_seed

NOW_MS = 1_900_000_000_000
SEED = bytes(range(32))
GENESIS = "0x" + "11" * 32
HOST = Host(8, 500, 16 << 30, 8 << 30, 1 << 40, 1 << 39)
GPU = Gpu("NVIDIA H200", 139 << 30, 2 << 30, busy_percent=7, temperature_celsius=41)
TELEMETRY = Telemetry(GpuSource.NVML, (GPU, replace(GPU, power_milliwatts=75_400)), HOST)

LEGACY: dict[str, Any] = {
    "_meta": {"version": "1.0", "updated": "2026-02-01"},
    "nodes": [
        {
            "node_id": "mac-hq",
            "display_name": "Mac Studio",
            "role": "hq",
            "hardware": {"chip": "M2 Ultra", "ram_gb": 192},
            "network": {"ip": "192.168.1.10", "hostname": "mac.local", "mac": "aa:bb"},
            "services": {"ollama": True, "ollama_port": 11434, "registry_api": 8765},
            "models_loaded": ["llama3:70b"],
            "status": "online",
        },
        {
            "node_id": "intel-1",
            "display_name": None,
            "role": "llm_worker",
            "network": {"ip": "fd00::5", "hostname": None},
            "status": "offline",
        },
    ],
}


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


def registry_of(*nodes: dict[str, Any]) -> bytes:
    """A file with these nodes; each has what is required unless it says otherwise."""
    return raw(
        {
            "nodes": [
                {"node_id": f"n{index}", "role": "full_worker", "rpc_url": f"http://h{index}:3690"}
                | node
                for index, node in enumerate(nodes)
            ]
        }
    )


def make_answer(**changes: Any) -> Answer:
    """Of a node that is well."""
    answer = Answer(
        at_ms=NOW_MS,
        took_ms=4,
        is_ready=True,
        network="testnet",
        height=100,
        target_height=100,
        finalized_ago_ms=300,
        is_syncing=False,
        peers=3,
        genesis_hash=GENESIS,
        voting="yes",
    )
    return replace(answer, **changes)


def make_heartbeat(seed: bytes = SEED, **changes: Any) -> Heartbeat:
    heartbeat = Heartbeat(
        peer_id_of_seed(seed), sequence=5, sent_ms=NOW_MS, height=100, telemetry=TELEMETRY
    )
    return replace(heartbeat, **changes)
