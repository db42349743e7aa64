"""Whole nodes on an engine that begins to lie: they go on with OpenSSL, and blame nobody."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from native import backends, batch
from native.cpu import OpenSSLEngine
from native.panel import Panel
from native.signatures import SignatureItem
from p2p.network import Audience
from p2p.wire.messages import Transactions, TransactionsAnnounced
from tests.integration.liars import join_liar, lied_to
from tests.integration.nodes import cluster, public_account, transfer, until
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


class Choosy(OpenSSLEngine):
    """Refuses some good signatures, all others are judged right."""

    name = "choosy"

    def __init__(self) -> None:
        super().__init__(1)
        self.refused = frozenset[bytes]()

    def verify(self, items: Sequence[SignatureItem]) -> list[bool]:
        truth = super().verify(items)
        return [
            each and item.signature not in self.refused
            for item, each in zip(items, truth, strict=True)
        ]


async def test_what_an_engine_refuses_beside_a_forgery_costs_nobody_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL is asked about the forgery, which comes first, and bans who brought it; what else was
    refused in its batch may come again from somebody else, who is not blamed."""
    engine = Choosy()
    panel = Panel(OpenSSLEngine(1), engine, draw=lambda below: below - 1)
    for module in (backends, batch):
        monkeypatch.setattr(module, "select_panel", lambda: panel)
    async with lied_to(tmp_path, stranger=True) as (net, victim, forger):
        pool, metrics = victim.node.pool, victim.rpc.backend.metrics_text
        forged, *good = [
            transfer(net, public_account(index), nonce=0, to=public_account(4))
            for index in range(3)
        ]
        engine.refused = frozenset(signed.signature for signed in good)
        raws = [forged.raw[:-1] + bytes([forged.raw[-1] ^ 1]), *(signed.raw for signed in good)]
        forger.answers = [Transactions(tuple(raws))]
        ids = tuple(signed.id for signed in (forged, *good))
        forger.network.push(TransactionsAnnounced(ids), Audience.PEERS)
        await until(lambda: forger.is_banned_by(victim))
        await until(lambda: b'outcome="unconfirmed",source="peer"} 2.0' in metrics())
        assert panel.name == "choosy"
        honest = await join_liar(net, name="honest")
        await until(lambda: not honest.is_banned_by(victim))
        honest.answers = [Transactions(tuple(signed.raw for signed in good))]
        honest.network.push(TransactionsAnnounced(ids[1:]), Audience.PEERS)
        await until(lambda: all(victim.node.chain.locate(signed.id) for signed in good))
        assert [fault.engine for fault in panel.faults] == ["choosy"]
        assert honest.score_at(victim) == 100
        assert not pool.mempool.knows(forged.id)
