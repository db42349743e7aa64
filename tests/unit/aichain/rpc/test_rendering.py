"""A large block is rendered in a thread, and is the same as if it had not been."""

import threading
from dataclasses import replace

import pytest

from aichain.rpc.rendering import Renderer
from genesis.limits import RPC_RENDERED_INLINE
from tests.unit.aichain.rpc.calling import Node


async def test_a_large_block_leaves_the_loop_and_a_small_one_does_not(history: Node) -> None:
    small = history.backend.views[2]
    many = small.block.transactions[:1] * (RPC_RENDERED_INLINE + 1)
    large = replace(small, block=replace(small.block, transactions=many))
    renderer, here = Renderer(), threading.get_ident()
    assert await renderer.render(small, threading.get_ident) == here
    assert await renderer.render(large, threading.get_ident) != here


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockByNumber", ("0x2", True)),
        ("eth_getBlockReceipts", ("0x2",)),
        ("eth_getLogs", ({"fromBlock": "0x1"},)),
    ],
)
async def test_answers_are_the_same_on_and_off_the_loop(
    history: Node, monkeypatch: pytest.MonkeyPatch, method: str, params: tuple[object, ...]
) -> None:
    inline = await history.call(method, *params)
    monkeypatch.setattr("aichain.rpc.rendering.RPC_RENDERED_INLINE", -1)
    assert await history.call(method, *params) == inline
