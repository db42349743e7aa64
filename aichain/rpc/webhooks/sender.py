"""Posts what becomes final to each webhook, in order, again where it fails, and never in a hurry.

Blocks are read from the chain behind its head, so nothing is queued for a receiver that is slow,
and consensus knows of none. How far each one is stays in a file: a restart goes on from there.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import trio

from aichain.clock import Clock
from aichain.errors import NodeError
from aichain.http_post import post
from aichain.metrics import Metrics
from aichain.rpc.backend import Backend
from aichain.rpc.errors import HistoryPruned
from aichain.rpc.webhooks.deliveries import Delivery, deliveries_of, signature_of
from aichain.webhook_file import Webhook
from genesis.limits import WEBHOOK_ATTEMPTS_MAX, WEBHOOK_BACKLOG_BLOCKS

log = logging.getLogger(__name__)

POLL_S: Final = 0.25
COUNTED_EVERY_S: Final = 1.0
TIMEOUT_S: Final = 10.0
WHOLE_S: Final = 2 * TIMEOUT_S
"""Who sends one byte at a time is not waited for."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 64.0
TAKEN: Final = range(200, 300)
TRIED_AGAIN: Final = frozenset({408, 425, 429})
FAILED: Final = 500
FOLDER: Final = "webhooks"

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[int | str]]
"""A status, or what went wrong."""


class WebhookSender:
    """One task a webhook: one that is slow holds up nobody but itself."""

    def __init__(
        self,
        hooks: Sequence[Webhook],
        home: Path,
        backend: Backend,
        metrics: Metrics,
        clock: Clock,
        post_to: Post | None = None,
    ) -> None:
        self._hooks = hooks
        self._folder = home / FOLDER
        self._backend = backend
        self._metrics = metrics
        self._clock = clock
        self._posts = {hook.name: post_to or _Poster().post for hook in hooks}
        self._heights: dict[str, int] = {}
        """The last block that each was told of."""

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for hook in self._hooks:
                self._heights[hook.name] = self._start(hook)
                nursery.start_soon(self._serve, hook)
            nursery.start_soon(self._count)

    async def _serve(self, hook: Webhook) -> None:
        while True:
            height, head = self._heights[hook.name], self._backend.status().height
            if head - height > WEBHOOK_BACKLOG_BLOCKS:
                height = self._skip(hook, height, head - WEBHOOK_BACKLOG_BLOCKS)
            if height >= head:
                await trio.sleep(POLL_S)
                continue
            height += 1
            await self._deliver_block(hook, height)
            self._heights[hook.name] = height
            await trio.to_thread.run_sync(self._keep, hook, height)

    async def _count(self) -> None:
        """How far each one is behind, also one that hangs."""
        while True:
            head = self._backend.status().height
            for name, height in self._heights.items():
                self._metrics.webhook_behind(name, max(0, head - height))
            await trio.sleep(COUNTED_EVERY_S)

    async def _deliver_block(self, hook: Webhook, height: int) -> None:
        try:
            view = await self._backend.block_at(height)
        except (HistoryPruned, NodeError) as error:
            log.warning("webhook %s is not told of block %d: %s", hook.name, height, error)
            self._metrics.webhook_delivered(hook.name, "lost")
            return
        if view is not None:
            for delivery in await deliveries_of(hook, self._backend, view):
                await self._deliver(hook, delivery)

    async def _deliver(self, hook: Webhook, delivery: Delivery) -> None:
        """Until it is taken, refused for good, or was tried WEBHOOK_ATTEMPTS_MAX times."""
        outcome: int | str = ""
        for attempt in range(1, WEBHOOK_ATTEMPTS_MAX + 1):
            outcome = await self._try(hook, delivery, attempt)
            if outcome in TAKEN:
                self._metrics.webhook_delivered(hook.name, "delivered")
                return
            if isinstance(outcome, int) and outcome < FAILED and outcome not in TRIED_AGAIN:
                break
            if attempt < WEBHOOK_ATTEMPTS_MAX:
                self._metrics.webhook_delivered(hook.name, "retried")
                await trio.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1)))
        told = f"HTTP {outcome}" if isinstance(outcome, int) else outcome
        log.warning("webhook %s did not take delivery %s: %s", hook.name, delivery.id, told)
        self._metrics.webhook_delivered(hook.name, "given up")

    async def _try(self, hook: Webhook, delivery: Delivery, attempt: int) -> int | str:
        now_s = self._clock.now_ms() // 1000
        headers = {
            "X-AIChain-Delivery": delivery.id,
            "X-AIChain-Topic": delivery.topic.value,
            "X-AIChain-Attempt": str(attempt),
            "X-AIChain-Timestamp": str(now_s),
            "X-AIChain-Signature": signature_of(hook.secret, delivery, now_s),
        }
        return await self._posts[hook.name](hook.url, delivery.body, headers)

    def _skip(self, hook: Webhook, height: int, to: int) -> int:
        log.warning("webhook %s misses blocks %d to %d: it is too slow", hook.name, height + 1, to)
        self._metrics.webhook_delivered(hook.name, "left out")
        return to

    def _start(self, hook: Webhook) -> int:
        """The last block that it was told of; one that is new begins with the next one."""
        head = self._backend.status().height
        try:
            kept = int((self._folder / hook.name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return head
        return min(max(0, kept), head)

    def _keep(self, hook: Webhook, height: int) -> None:
        """Not synced: the vote log shares the disk. After a power cut some come twice, by ids that
        their receiver knows."""
        path = self._folder / hook.name
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            fresh.write_text(str(height), encoding="ascii")
            os.replace(fresh, path)
        except OSError as error:
            log.warning("how far webhook %s is cannot be kept: %s", hook.name, error.strerror)


class _Poster:
    """One thread for one webhook: a receiver that hangs hangs that, also after it was given up."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(1)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | str:
        with trio.move_on_after(WHOLE_S):
            return await trio.to_thread.run_sync(
                post,
                url,
                body,
                headers,
                TIMEOUT_S,
                abandon_on_cancel=True,  # type: ignore[call-arg]  # newer than the stubs
                limiter=self._threads,
            )
        return "no answer in time"
