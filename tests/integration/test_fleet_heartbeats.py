"""Heartbeats from a node to the headquarters of its fleet, and from there to who looks at it."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from aichain.cli import main
from aichain.cli.run_plan import fleet_peers
from aichain.clock import SystemClock
from aichain.config import read_config_file, resolve_settings
from aichain.errors import ConfigError
from aichain.fleet.heartbeat import read_heartbeat, seal_heartbeat
from aichain.node import heartbeats
from aichain.node.heartbeats import Headquarters, HeartbeatSender, post_heartbeat
from native.node_keys import peer_id_of_seed, peer_id_text
from tests.unit.aichain.fleet.fleets import SEED, make_heartbeat, registry_of
from tests.unit.aichain.rpc.serving import NOW_MS, served

MINE = peer_id_of_seed(SEED)
TOKEN = b"abcdefghijklmnop0123"


def raw_hex(**changes: Any) -> str:
    return "0x" + seal_heartbeat(make_heartbeat(**changes), SEED).hex()


async def test_headquarters_keep_the_last_one_of_each_of_their_nodes() -> None:
    async with served(fleet=frozenset({MINE})) as hq:
        assert (await hq.call("aichain_heartbeats"))["result"] == []
        assert (await hq.call("aichain_heartbeat", raw_hex(sequence=1)))["result"] is True
        second = raw_hex(sequence=2)
        assert (await hq.call("aichain_heartbeat", second))["result"] is True
        assert (await hq.call("aichain_heartbeats"))["result"] == [second]


async def test_headquarters_refuse_strangers_forgeries_replays_and_rubbish() -> None:
    stranger = "0x" + seal_heartbeat(make_heartbeat(bytes(32)), bytes(32)).hex()
    good = raw_hex()
    forged = good[:-2] + ("00" if good[-2:] != "00" else "11")
    async with served(fleet=frozenset({MINE})) as hq:
        assert (await hq.call("aichain_heartbeat", good))["result"] is True
        for sent, code in (
            (good, "heartbeat_repeated"),
            (stranger, "heartbeat_strange"),
            (raw_hex(sequence=9, sent_ms=NOW_MS - 200_000), "heartbeat_untimely"),
            ("0x", "decode_error"),
            ("0xf", "invalid_params"),
            ("0x" + "00" * 5_000, "invalid_params"),
        ):
            refused = await hq.call("aichain_heartbeat", sent)
            assert refused["error"]["data"]["code"] == code
        assert (await hq.call("aichain_heartbeats"))["result"] == [good]
    async with served(fleet=frozenset({MINE})) as hq:
        refused = await hq.call("aichain_heartbeat", forged)
        assert refused["error"]["data"]["code"] == "invalid_signature"


async def test_other_nodes_do_not_serve_them() -> None:
    async with served() as node:
        for name in ("aichain_heartbeat", "aichain_heartbeats"):
            assert (await node.call(name))["error"]["code"] == -32601


async def test_a_node_sends_its_own_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_S", 0.05)
    async with served(fleet=frozenset({MINE}), tokens=(TOKEN,)) as hq:
        place = Headquarters(f"http://127.0.0.1:{hq.port}", TOKEN.decode())
        sender = HeartbeatSender(place, SEED, tmp_path, lambda: 77, hq.clock)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sender.run)
                sequences: set[int] = set()
                while len(sequences) < 2:
                    await trio.sleep(0.02)
                    bearer = f"Bearer {TOKEN.decode()}"
                    told = await hq.call("aichain_heartbeats", authorization=bearer)
                    for each in told["result"]:
                        heartbeat = read_heartbeat(bytes.fromhex(each[2:])).heartbeat
                        sequences.add(heartbeat.sequence)
                nursery.cancel_scope.cancel()
        assert heartbeat.height == 77
        assert heartbeat.telemetry.host.memory_total_bytes > 0


async def test_headquarters_that_refuse_or_are_away_are_told_and_end_nothing() -> None:
    async with served(fleet=frozenset()) as hq:
        place = Headquarters(f"http://127.0.0.1:{hq.port}")
        raw = seal_heartbeat(make_heartbeat(), SEED)
        told = await trio.to_thread.run_sync(post_heartbeat, place, raw)
        assert told.startswith("HTTP 200: ")
    assert "refused" in await trio.to_thread.run_sync(post_heartbeat, place, raw)


async def test_a_look_believes_only_what_the_registry_verifies(tmp_path: Path) -> None:
    """A node whose RPC cannot be reached lives, as its heartbeat shows; nobody else's counts."""
    now_ms = SystemClock().now_ms()
    async with served(fleet=frozenset({MINE, peer_id_of_seed(bytes(32))})) as hq:
        hq.clock.advance(now_ms - NOW_MS)
        for seed in (SEED, bytes(32)):
            raw = seal_heartbeat(make_heartbeat(seed, sent_ms=now_ms), seed)
            assert (await hq.call("aichain_heartbeat", "0x" + raw.hex()))["result"] is True
        path = tmp_path / "fleet.json"
        path.write_bytes(
            registry_of(
                {"role": "hq", "rpc_url": f"http://127.0.0.1:{hq.port}"},
                {"rpc_url": "http://127.0.0.1:1", "peer_id": peer_id_text(MINE)},
                {"rpc_url": "http://127.0.0.1:2"},
            )
        )

        def look(*arguments: str) -> Any:
            given = ["node", "health", "--registry", str(path), "--json", *arguments]
            return json.loads(CliRunner().invoke(main, given).stdout)["nodes"]

        _, beating, silent = await trio.to_thread.run_sync(look)
        assert beating["state"] == "degraded"
        assert beating["heartbeat"]["sent_ms"] == now_ms
        assert (silent["state"], silent["heartbeat"]) == ("offline", None)
        assert [
            each["node_id"] for each in await trio.to_thread.run_sync(look, "--node", "n1")
        ] == ["n1"]
        (alone,) = await trio.to_thread.run_sync(look, "--node", "n1")
        assert alone["heartbeat"]["sent_ms"] == now_ms, "headquarters are asked for one node, too"


def test_the_settings_of_a_fleet(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[fleet]\nregistry = "fleet.json"\nhq = "https://hq.example:3690"\n')
    settings = resolve_settings({}, {}, read_config_file(path))
    assert settings.fleet_hq == "https://hq.example:3690"
    (tmp_path / "fleet.json").write_bytes(registry_of({}, {"peer_id": peer_id_text(MINE)}))
    assert fleet_peers(settings, tmp_path) == frozenset({MINE}), (
        "beside config.toml, whose path it is"
    )
    (tmp_path / "fleet.json").write_bytes(registry_of({"role": "king"}))
    with pytest.raises(ConfigError, match=r"nodes\[0\]\.role"):
        fleet_peers(settings, tmp_path)
    (tmp_path / "fleet.json").unlink()
    with pytest.raises(ConfigError, match="No such file"):
        fleet_peers(settings, tmp_path)
    with pytest.raises(ConfigError, match="http"):
        resolve_settings({"fleet.hq": "hq"}, {}, {})
