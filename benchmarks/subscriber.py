"""Notes when a client sees blocks become final: one WebSocket subscription a node, one thread."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Self

import trio
from trio_typing import TaskStatus
from trio_websocket import open_websocket_url

_SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "aichain_subscribe", "params": ["newBlocks"]}


class Subscriber:
    """`with Subscriber(urls) as seen: …` then `seen.arrivals[node][height]` in milliseconds."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [url.replace("http://", "ws://") for url in urls]
        self.arrivals: list[dict[int, int]] = [{} for _ in urls]
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(timeout=10):
            raise TimeoutError("a node does not take a subscription")
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._token is not None
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(timeout=10)

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with trio.open_nursery() as nursery:
                for index in range(len(self._urls)):
                    await nursery.start(self._listen, index)
                self._ready.set()

    async def _listen(
        self, index: int, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        async with open_websocket_url(self._urls[index]) as socket:
            await socket.send_message(json.dumps(_SUBSCRIBE))
            await socket.get_message()
            task_status.started()
            while True:
                message = json.loads(await socket.get_message())
                now_ms = time.time_ns() // 1_000_000
                self.arrivals[index][int(message["params"]["result"]["height"])] = now_ms
