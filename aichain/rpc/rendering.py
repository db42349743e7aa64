"""Blocks are rendered once: final ones never change, and their JSON is kept for who asks next.

Those of many transactions are rendered beside the loop: consensus shares its thread.
"""

from collections.abc import Callable
from typing import Generic, TypeVar, Union, get_args, get_origin

import msgspec
import trio

from aichain.rpc.backend import BlockView
from aichain.sized_cache import SizedCache
from genesis.limits import RPC_RENDERED_BYTES_MAX, RPC_RENDERED_INLINE

T = TypeVar("T")


class Rendered(msgspec.Struct, Generic[T], frozen=True):
    """The JSON of a T, made already."""

    json: bytes


class Renderer:
    """Renders small blocks at once, and large ones in a thread of its own, one by one."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(1)
        self._kept: SizedCache[tuple[str, bytes], bytes] = SizedCache(RPC_RENDERED_BYTES_MAX)

    async def render(self, view: BlockView, work: Callable[[], T]) -> T:
        """What `work` makes of this block; it is a function of values."""
        return await self.listing(len(view.block.transactions), work)

    async def listing(self, items: int, work: Callable[[], T]) -> T:
        """The same of so many transactions, or of what costs as much."""
        if items <= RPC_RENDERED_INLINE:
            return work()
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    async def json(self, kind: str, view: BlockView, work: Callable[[], T]) -> Rendered[T]:
        """The JSON of what `work` makes of this block; of a final one it is kept by its kind."""
        key = (kind, view.block.id)
        kept = self._kept.get(key) if view.final else None
        if kept is None:
            kept = await self.render(view, lambda: msgspec.json.encode(work()))
            if view.final:
                self._kept.put(key, kept, len(kept))
        return Rendered(kept)


def encode_result(result: object) -> bytes:
    """The JSON of what a method answered."""
    return result.json if isinstance(result, Rendered) else msgspec.json.encode(result)


def announced(result: object) -> object:
    """The type that callers see: what a rendered value is the JSON of."""
    if get_origin(result) is Rendered:
        return get_args(result)[0]
    if isinstance(result, type) or not get_args(result):
        return result
    if any(get_origin(each) is Rendered for each in get_args(result)):
        return Union[tuple(map(announced, get_args(result)))]  # noqa: UP007 made at run time
    return result
