"""Whole nodes in one process: real cores, real LevelDB, real signatures, the in-memory network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio
from trio_typing import TaskStatus

from aichain.config import Endpoint, NodeConfig, SyncMode, TrustPoint
from aichain.machine import Machine
from aichain.node.assemble import Node, assemble
from aichain.node.services import run_services
from genesis.document import GenesisDocument
from genesis.networks import account_key, founder_key, local_document
from genesis.units import AI, address_of_key
from native.hashing import derive_hash
from native.signatures import SigningKey
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub
from vm.commitment import StateTree
from vm.queries import account_view
from vm.transactions import SignedTransaction, Transaction, Transfer, sign_transaction

DEADLINE_S = 30.0
FEE_MAX = 10**17


@dataclass(slots=True)
class RunningNode:
    """A node and the nursery scope that keeps it alive."""

    node: Node
    scope: trio.CancelScope
    stopped: trio.Event
    assemble: Callable[[StateTree | None], Awaitable[Node]]
    starts: int = 0
    """More than one: a snapshot took the place of its chain."""

    @property
    def height(self) -> int:
        return self.node.chain.head.head.height

    async def stop(self) -> None:
        """Cancel it as a SIGTERM would, and wait until its files are closed."""
        self.scope.cancel()
        await self.stopped.wait()


@dataclass(slots=True)
class Cluster:
    """Nodes that meet on one hub."""

    root: Path
    document: GenesisDocument
    nursery: trio.Nursery
    hub: MemoryHub = field(default_factory=lambda: MemoryHub(EqualLinks(0, Conditions(1, 3))))
    machine: Machine = field(default_factory=Machine)

    async def start(
        self,
        index: int,
        *,
        founder: bool = True,
        key: SigningKey | None = None,
        rpc_port: int = 0,
        vouch: bool = False,
        sync_again: bool = False,
        keep: int | None = None,
        sync: SyncMode = SyncMode.FULL,
        trust: TrustPoint | None = None,
        machine: Machine | None = None,
    ) -> RunningNode:
        """Start node `index`; its home is its own and survives a stop."""
        machine = machine or self.machine
        config = NodeConfig(
            home=self.root / f"node{index}",
            document=self.document,
            node_seed=derive_hash("aichain/test/node", bytes([index])),
            validator_key=founder_key("testnet", index) if founder else key,
            rpc_listen=Endpoint("127.0.0.1", rpc_port),
            p2p_listen=Endpoint("127.0.0.1", 3691),
            vouch_for_vote_log=vouch,
            sync_again=sync_again,
            keep=keep,
            sync=sync,
            trust=trust,
        )

        async def make(config: NodeConfig, joined: StateTree | None = None) -> Node:
            join = self.hub.join
            return await machine.run_blocking(
                assemble, config, lambda identity, _settings: join(identity), machine, joined
            )

        again = partial(make, replace(config, sync_again=False))
        running = RunningNode(await make(config), trio.CancelScope(), trio.Event(), again)
        await self.nursery.start(_serve, running)
        return running


async def _serve(
    running: RunningNode, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    def started() -> None:
        if not running.starts:
            task_status.started()
        running.starts += 1

    try:
        with running.scope:
            while True:
                tree = await run_services(running.node, ready=lambda: None, started=started)
                running.node = await running.assemble(tree)
    finally:
        running.stopped.set()


@asynccontextmanager
async def cluster(
    root: Path,
    founders: int,
    *,
    epoch_blocks: int = 0,
    onion_length: int = 4_096,
    machine: Machine | None = None,
) -> AsyncIterator[Cluster]:
    """An empty cluster of a local network; everything in it stops at the end."""
    document = local_document("testnet", founders, onion_length=onion_length)
    if epoch_blocks:
        consensus = replace(document.consensus, epoch_blocks=epoch_blocks)
        document = replace(document, consensus=consensus)
    async with trio.open_nursery() as nursery:
        yield Cluster(root, document, nursery, machine=machine or Machine())
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition, or fail the test."""
    with trio.fail_after(deadline_s):
        while not condition():  # noqa: ASYNC110 the condition is of another room
            await trio.sleep(0.02)


def transfer(
    cluster_: Cluster, key: SigningKey, *, nonce: int, to: SigningKey, amount: int = AI
) -> SignedTransaction:
    """A signed transfer that reveals its key."""
    body = Transfer(address_of_key(to.public_key), amount, b"")
    sender = address_of_key(key.public_key)
    transaction = Transaction(cluster_.document.network_id, sender, nonce, FEE_MAX, 0, 5_000, body)
    return sign_transaction(transaction, key, reveal=True)


def balance_of(running: RunningNode, key: SigningKey) -> int:
    """The final balance of a key's account as one node sees it."""
    return account_view(running.node.chain.head, address_of_key(key.public_key)).balance


def public_account(index: int) -> SigningKey:
    """A funded account of the local network."""
    return account_key("testnet", index)
