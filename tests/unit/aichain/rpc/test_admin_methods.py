"""admin_*: what they ask of the node, and what they refuse."""

import logging
from collections.abc import Iterator

import pytest

from aichain.rpc.methods import build_registry
from aichain.rpc.methods.admin import METHODS
from tests.unit.aichain.rpc.calling import Node

PEER = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"


@pytest.fixture
def manager() -> Node:
    return Node(admin=True)


@pytest.fixture(autouse=True)
def same_levels_afterwards() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("p2p", "aichain", "aichain.rpc.dispatch")]
    before = [each.level for each in loggers]
    yield
    for each, level in zip(loggers, before, strict=True):
        each.setLevel(level)


def test_the_listener_has_none_of_them() -> None:
    public = build_registry(faults_enabled=True).methods
    assert {entry.name for entry in METHODS}.isdisjoint(public)
    assert {entry.name for entry in METHODS} < set(
        build_registry(faults_enabled=False, admin=True).methods
    )


async def test_levels_of_all_modules_or_of_one(manager: Node) -> None:
    assert await manager.call("admin_setLogLevel", "error")
    assert logging.getLogger("p2p").level == logging.ERROR
    assert await manager.call("admin_setLogLevel", "debug", "aichain.rpc.dispatch")
    assert logging.getLogger("aichain.rpc.dispatch").level == logging.DEBUG
    assert logging.getLogger("aichain").level == logging.ERROR


@pytest.mark.parametrize("module", ["", "trio", "aichain.nothing", "root", "aichain.rpc."])
async def test_a_module_that_does_not_exist_is_refused_and_not_made(
    manager: Node, module: str
) -> None:
    known = set(logging.root.manager.loggerDict)
    assert await manager.error("admin_setLogLevel", "debug", module) == (-32602, "invalid_params")
    assert set(logging.root.manager.loggerDict) == known


async def test_a_level_that_does_not_exist_is_refused(manager: Node) -> None:
    assert await manager.error("admin_setLogLevel", "loud") == (-32602, "invalid_params")


async def test_peers_are_dialled_and_banned_by_name(manager: Node) -> None:
    address = f"/ip4/127.0.0.1/tcp/3691/p2p/{PEER}"
    assert await manager.call("admin_connectPeer", address)
    assert await manager.call("admin_banPeer", PEER)
    assert (manager.backend.dialled, manager.backend.banned) == ([address], [PEER])
    assert await manager.error("admin_connectPeer", "nowhere") == (-32000, "invalid_peer_address")
    assert await manager.error("admin_banPeer", "nobody") == (-32602, "invalid_peer_id")


async def test_stopping_answers_first(manager: Node) -> None:
    assert await manager.call("admin_stop") is True
    assert manager.backend.stopped
