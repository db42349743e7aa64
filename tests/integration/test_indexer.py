"""A node that indexes accounts: behind its chain, again after a restart, anew when it is lost."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from aichain.config_values import IndexMode
from aichain.errors import StoreFailed
from aichain.node.assemble import Node
from aichain.node.indexer import Indexer
from aichain.store.account_index import AccountIndex
from aichain.store.paths import DataPaths
from genesis import limits
from genesis.networks import account_key
from genesis.units import address_of_key
from native.signatures import SigningKey
from tests.integration.nodes import Cluster, RunningNode, cluster, transfer, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from tests.unit.aichain.rpc.fake_backend import FakeBackend
from vm.queries import account_view

ALICE, BOB = account_key("testnet", 0), account_key("testnet", 1)


async def nonces_of(node: Node, key: SigningKey) -> list[int] | None:
    """Of the transfers in an account's history, the newest first."""
    view = await node.rpc.context.backend.account_history(
        address_of_key(key.public_key), None, limits.RPC_HISTORY_ENTRIES_MAX
    )
    if view is None:
        return None
    backend = node.rpc.context.backend
    found = [await backend.transaction(entry.tx_id) for entry in view.entries]
    return [each.signed.transaction.nonce for each in found if each is not None]


async def sent(net: Cluster, running: RunningNode, first: int, last: int) -> None:
    for nonce in range(first, last + 1):
        signed = transfer(net, ALICE, nonce=nonce, to=BOB)
        await running.node.pool.submit(signed.raw)
    await until(lambda: _nonce(running) == last + 1)
    height = running.height
    await until(lambda: _indexed(running) >= height)


def _nonce(running: RunningNode) -> int:
    backend = running.node.rpc.context.backend
    state = backend.head()

    return account_view(state, address_of_key(ALICE.public_key)).nonce


def _indexed(running: RunningNode) -> int:
    index = running.node.history.account_index
    assert index is not None
    return index.height


@pytest.mark.parametrize("is_lost", [False, True], ids=["kept", "lost"])
def test_the_history_of_an_account_survives_restarts(tmp_path: Path, is_lost: bool) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, machine=virtual_machine()) as net:
            running = await net.start(0, index_mode=IndexMode.FULL, chain_is_new=True)
            await sent(net, running, 0, 2)
            assert await nonces_of(running.node, ALICE) == [2, 1, 0]
            assert await nonces_of(running.node, BOB) == [2, 1, 0]
            await running.stop()
            if is_lost:
                shutil.rmtree(DataPaths(running.node.config.data_dir).accounts)
            running = await net.start(0, index_mode=IndexMode.FULL)
            await sent(net, running, 3, 3)
            assert await nonces_of(running.node, BOB) == [3, 2, 1, 0]

    run_virtual(story, seed=1)


def test_a_node_that_does_not_index_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, machine=virtual_machine()) as net:
            running = await net.start(0, chain_is_new=True)
            assert running.node.history.account_index is None
            assert await nonces_of(running.node, ALICE) is None

    run_virtual(story, seed=1)


def test_an_index_that_fails_is_told_of_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, machine=virtual_machine()) as net:
            running = await net.start(0, index_mode=IndexMode.FULL, chain_is_new=True)
            index = running.node.history.account_index
            assert isinstance(index, AccountIndex)
            refused = StoreFailed(path="accounts", reason="no space left on device")
            monkeypatch.setattr(index._database, "write", Mock(side_effect=refused))
            height = running.height
            await until(lambda: running.height >= height + 2)
            assert index.failed
            assert running.node.rpc.context.backend.status().index_trouble == index.failed
            assert await nonces_of(running.node, ALICE) is None

    run_virtual(story, seed=1)


def test_a_batch_is_bounded_in_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 full blocks are more than a node has room for."""
    monkeypatch.setattr(limits, "INDEX_BATCH_TRANSACTIONS", 3)
    history = FakeBackend()
    for _ in range(10):
        history.extend([history.transfer(1)])
    blocks = SimpleNamespace(first=0, block_at=dict(enumerate(history.views)).get)
    chain: Any = SimpleNamespace(blocks=blocks, head=history.state)
    index = AccountIndex(tmp_path / "accounts", history.document.hash)
    nothing: Any = None
    Indexer(chain, index, nothing, nothing)._index_some()
    assert index.height == 3
    index.close()
