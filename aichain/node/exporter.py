"""Makes a snapshot of every epoch's last state, in small steps, for peers that join."""

import logging

import trio

from aichain.chain import Chain
from aichain.errors import NodeError
from aichain.machine import RunBlocking
from aichain.store.snapshots import AnchorState, SnapshotShelf

log = logging.getLogger(__name__)

POLL_S = 0.5
SHARE = 4
"""Between two steps it rests this many times as long as the step took."""
SPACING = 4
"""And after a snapshot this many times as long as it took: a large state makes them rarer."""


class Exporter:
    """Never hurries: consensus shares the interpreter with it."""

    def __init__(self, chain: Chain, shelf: SnapshotShelf, run_blocking: RunBlocking) -> None:
        self._chain = chain
        self._shelf = shelf
        self._run_blocking = run_blocking
        self._thread = trio.CapacityLimiter(1)

    async def run(self) -> None:
        """Take each anchor once its root is certified. A disk that is full costs one snapshot."""
        while True:
            anchor = self._chain.anchor.take(self._chain.head.head.height)
            if anchor is None:
                await trio.sleep(POLL_S)
                continue
            began = trio.current_time()
            try:
                await self._export(anchor)
            except NodeError as error:
                log.error("no snapshot of height %d: %s", anchor.header.height, error)
            await trio.sleep(SPACING * (trio.current_time() - began))

    async def _export(self, anchor: AnchorState) -> None:
        steps, first, work_s = self._shelf.export(anchor), trio.current_time(), 0.0
        try:
            while True:
                began = trio.current_time()
                if await self._run_blocking(next, steps, anchor, limiter=self._thread) is anchor:
                    break
                step_s = trio.current_time() - began
                work_s += step_s
                await trio.sleep(SHARE * step_s)
        finally:
            steps.close()
        log.debug(
            "snapshot of height %d: %d records, %d parts, %d bytes, %.1f s of work in %.1f s",
            *self._shelf.newest,
            work_s,
            trio.current_time() - first,
        )
