"""Whole nodes on an engine that begins to lie: they go on with OpenSSL, and blame nobody."""

from pathlib import Path

import pytest

from native import backends, batch
from native.cpu import OpenSSLEngine
from native.panel import Panel
from tests.integration.nodes import cluster, until
from tests.unit.native.liars import Liar, refuses_all


async def test_nodes_go_on_when_their_engine_refuses_every_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    liar = Liar(refuses_all)
    panel = Panel(OpenSSLEngine(1), liar)
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)
    async with cluster(tmp_path, 4) as net:
        nodes = [await net.start(index) for index in range(4)]
        await until(lambda: min(node.height for node in nodes) >= 2)
        assert panel.name == "liar"
        liar.lies = True
        heights = max(node.height for node in nodes)
        await until(lambda: min(node.height for node in nodes) >= heights + 3)
        assert panel.name == "openssl"
        for node in nodes:
            assert len(node.node.context.network.peers()) == 3
            assert node.rpc.backend.status().engines.faults == panel.faults
            assert b"aichain_engine_faults_total" in node.rpc.backend.metrics_text()
            assert b"aichain_peer_misbehaviour_total{" not in node.rpc.backend.metrics_text()
    assert "liar is in quarantine" in caplog.text
