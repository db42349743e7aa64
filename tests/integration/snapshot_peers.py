"""Nodes with short epochs, whose answers to peers a test may change."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from genesis import limits
from genesis.document import GenesisDocument
from genesis.networks import local_document
from p2p.memory_network import MemoryNetwork
from p2p.wire.messages import (
    AnyRequest,
    GetSnapshots,
    Response,
    SnapshotOffers,
)
from tests.integration.nodes import Cluster, N, Running, RunningNode, cluster, until
from tests.simulation.nodes.virtual_time import virtual_machine
from vm import snapshot

EPOCH_BLOCKS = 4
WINDOW = 8
Truth = Callable[[AnyRequest], Awaitable[Response]]
Lie = Callable[[AnyRequest, Truth], Awaitable[Response]]


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short windows, and parts of a few records."""
    monkeypatch.setattr(limits, "CERTIFICATE_WINDOW_BLOCKS", WINDOW)
    monkeypatch.setattr(limits, "SNAPSHOT_GAP_BLOCKS", 2 * EPOCH_BLOCKS)
    monkeypatch.setattr(snapshot, "SNAPSHOT_PART_BYTES", 3_000)


def short_document() -> GenesisDocument:
    """A chain of one founder."""
    document = local_document("testnet", 1)
    consensus = replace(document.consensus, epoch_blocks=EPOCH_BLOCKS)
    return replace(document, consensus=consensus)


def short_epochs(root: Path, founders: int) -> AbstractAsyncContextManager[Cluster]:
    """A cluster in virtual time."""
    return cluster(root, founders, epoch_blocks=EPOCH_BLOCKS, machine=virtual_machine())


def first(running: Running[N]) -> int:
    return running.node.chain.blocks.first


def score_of(other: Running[N], at: Running[N]) -> int:
    """0 where it is banned."""
    peers = at.node.context.network.peers()
    scores = [p.score for p in peers if p.peer_id == other.node.context.network.peer_id]
    return scores[0] if scores else 0


async def pruned_founder(net: Cluster, height: int = 30) -> RunningNode:
    """The validator of a chain of one, after it has dropped what it may."""
    founder = await net.start(0, keep=WINDOW)
    await until(lambda: founder.height >= height and first(founder) >= height - WINDOW - 2, 120)
    return founder


def makes(running: Running[N], lie: Lie) -> None:
    """From now on it answers peers with what `lie` makes of the question and the truth."""
    network = running.node.context.network
    assert isinstance(network, MemoryNetwork)
    true = network._handler
    assert true is not None

    async def answer(peer: str, request: AnyRequest) -> Response:
        return await lie(request, partial(true, peer))

    network.set_handler(answer)


async def silent_on_snapshots(request: AnyRequest, truth: Truth) -> Response:
    """Offers nothing, but still gives blocks."""
    return SnapshotOffers(()) if isinstance(request, GetSnapshots) else await truth(request)
