"""What must hold of a network whatever is done to it, seen through RPC alone."""

import threading
from dataclasses import dataclass
from typing import Any, Final

from aichain.cli.client import RpcClient
from aichain.cli.localnet_state import LocalNode
from aichain.client.errors import RpcError
from tests.e2e.manifests.site import Site

EVERY_S: Final = 0.25
PATIENCE_S: Final = 2.0
BATCH: Final = 50
LOOKED_UP_MAX: Final = 60
DONE: Final = ("final", "failed")


@dataclass(frozen=True, slots=True)
class Fact:
    """What a node said is final."""

    block_hash: str
    state_root: str


class Watch:
    """Asks all nodes all the time; `broken` says what did not hold, each thing once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clients: dict[int, RpcClient] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.acknowledged: dict[int, Fact] = {}
        self.heights: dict[int, int] = {}
        self.broken: dict[str, None] = {}

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._clients.values():
            client.close()

    @property
    def top(self) -> int:
        """The highest final height that any node has told us."""
        return max(self.heights.values(), default=0)

    def require(self) -> None:
        """Fail with everything that is broken by now."""
        assert not self.broken, "\n".join(self.broken)

    def hear(self, index: int, status: dict[str, Any]) -> None:
        """Heights never go back, and at equal heights are equal blocks and states."""
        height = int(status["height"])
        before = self.heights.get(index, 0)
        if height < before:
            self._break(f"node {index} was final at {before} and is at {height}")
        self.heights[index] = max(before, height)
        self.compare(index, height, Fact(status["blockHash"], status["stateRoot"]))

    def compare(self, index: int, height: int, fact: Fact) -> None:
        """One more node's word on a height."""
        known = self.acknowledged.setdefault(height, fact)
        if known != fact:
            self._break(f"node {index} has {fact} at height {height}, where {known} was final")

    def compare_all(self, nodes: tuple[LocalNode, ...]) -> int:
        """Every block of every node, and the transactions of the last ones; how many of these.

        Each has to be where each node said it was: what was told to be final is not lost.
        """
        top = self.top
        transactions: dict[str, int] = {}
        for node in nodes:
            with RpcClient(node.rpc_url) as client:
                for first in range(1, top + 1, BATCH):
                    heights = range(first, min(first + BATCH, top + 1))
                    blocks: list[Any] = client.batch("aichain_getBlock", [(h,) for h in heights])
                    for block in blocks:
                        assert isinstance(block, dict), f"node {node.index} answers {block}"
                        fact = Fact(block["hash"], block["stateRoot"])
                        self.compare(node.index, block["height"], fact)
                        for each in block["transactions"]:
                            transactions[each["hash"]] = block["height"]
        chosen = list(transactions.items())[-LOOKED_UP_MAX:]
        for node in nodes if chosen else ():
            with RpcClient(node.rpc_url) as client:
                found: list[Any] = client.batch(
                    "aichain_getTransaction", [(name,) for name, _ in chosen]
                )
            for (name, height), view in zip(chosen, found, strict=True):
                if view is None or view["status"] not in DONE or view["height"] != height:
                    self._break(f"node {node.index} does not hold {name} of height {height}")
        return len(transactions)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            for fault in self._site.ended():
                self._break(fault)
            for node in self._site.state.nodes:
                if node.is_alive and node.index not in self._site.paused:
                    self._ask(node)

    def _ask(self, node: LocalNode) -> None:
        client = self._clients.get(node.index)
        if client is None:
            client = self._clients[node.index] = RpcClient(node.rpc_url, PATIENCE_S)
        try:
            status = client.call("aichain_status")
        except RpcError:
            client.close()
            return
        self.hear(node.index, status)

    def _break(self, fault: str) -> None:
        self.broken[fault] = None
