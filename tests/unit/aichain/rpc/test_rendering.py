"""A large block is rendered in a thread, and is the same as if it had not been."""

import threading
from dataclasses import replace

import pytest

from aichain.rpc.rendering import Rendered, Renderer, announced, encode_result
from aichain.rpc.statuses import BlockStatus
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


async def test_a_final_block_is_rendered_once_for_each_kind(history: Node) -> None:
    view = history.backend.views[2]
    made: list[str] = []

    def work(what: str) -> str:
        made.append(what)
        return what

    renderer = Renderer()
    for _ in range(3):
        assert (await renderer.json("a", view, lambda: work("one"))).json == b'"one"'
        assert (await renderer.json("b", view, lambda: work("two"))).json == b'"two"'
    assert made == ["one", "two"]


async def test_a_block_that_may_change_is_rendered_each_time(history: Node) -> None:
    renderer, answers = Renderer(), iter((1, 2, 3))
    final = history.backend.views[2]
    proposed = replace(final, status=BlockStatus.PROPOSED)
    for view, expected in ((proposed, b"1"), (proposed, b"2"), (final, b"3"), (final, b"3")):
        assert (await renderer.json("a", view, lambda: next(answers))).json == expected


def test_what_is_announced_is_what_the_json_is_of() -> None:
    assert announced(Rendered[int]) is int
    assert announced(Rendered[int] | None) == int | None
    assert announced(list[int] | None) == list[int] | None
    assert encode_result(Rendered[int](b"7")) == encode_result(7) == b"7"


@pytest.mark.parametrize("method", ["aichain_getBlock", "eth_getBlockByNumber"])
async def test_a_block_is_the_same_when_it_is_asked_for_again(history: Node, method: str) -> None:
    name = 2 if method.startswith("aichain") else "0x2"
    first = await history.call(method, name)
    assert await history.call(method, name) == first
    assert first["hash"] == "0x" + history.backend.views[2].block.id.hex()
