"""Blocks of many transactions are rendered beside the loop: consensus shares its thread."""

from collections.abc import Callable
from typing import TypeVar

import trio

from aichain.rpc.backend import BlockView
from genesis.limits import RPC_RENDERED_INLINE

T = TypeVar("T")


class Renderer:
    """Renders small blocks at once, and large ones in a thread of its own, one by one."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(1)

    async def render(self, view: BlockView, work: Callable[[], T]) -> T:
        """What `work` makes of this block; it is a function of values."""
        if len(view.block.transactions) <= RPC_RENDERED_INLINE:
            return work()
        return await trio.to_thread.run_sync(work, limiter=self._threads)
