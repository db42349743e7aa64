"""Whole nodes in one process: real cores, real LevelDB, real signatures, the in-memory network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import trio
from trio_typing import TaskStatus

from aichain.config import Endpoint, NodeConfig, SyncMode, TrustPoint
from aichain.config_values import IndexMode
from aichain.machine import Machine
from aichain.node.assemble import NetworkFactory, Node, assemble
from aichain.node.first_log import write_first_log
from aichain.node.joiner import Handover
from aichain.node.lanes.assemble import LaneNode
from aichain.node.services import run_services
from aichain.rpc.registry import Context
from aichain.server_url import ServerUrl
from genesis.document import GenesisDocument
from genesis.networks import account_key, founder_key, local_document
from genesis.units import AI, Address, address_of_key
from native.hashing import derive_hash
from native.signatures import SigningKey
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub
from vm.queries import account_view
from vm.records import ValidatorRecord, decode_validator, validator_key
from vm.transactions import SignedTransaction, Transaction, Transfer, sign_transaction

DEADLINE_S = 30.0
FEE_MAX = 10**17

N = TypeVar("N", Node, LaneNode)
Assemble: TypeAlias = Callable[[NodeConfig, NetworkFactory, Machine, Handover | None], N]


@dataclass(slots=True)
class Running(Generic[N]):
    """A node and the nursery scope that keeps it alive."""

    node: N
    scope: trio.CancelScope
    stopped: trio.Event
    assemble: Callable[[Handover | None], Awaitable[N]]
    starts: int = 0
    """More than one: a snapshot took the place of its chain."""

    @property
    def height(self) -> int:
        return self.node.chain.head.head.height

    @property
    def rpc(self) -> Context:
        """What RPC methods are given."""
        return self.node.rpc.context

    async def stop(self) -> None:
        """Cancel it as a SIGTERM would, and wait until its files are closed."""
        self.scope.cancel()
        await self.stopped.wait()


RunningNode: TypeAlias = Running[Node]


@dataclass(slots=True)
class AnyCluster(Generic[N]):
    """Nodes that meet on one hub."""

    root: Path
    document: GenesisDocument
    nursery: trio.Nursery
    assemble: Assemble[N]
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
        snapshots: bool = True,
        sync: SyncMode = SyncMode.FULL,
        index_mode: IndexMode = IndexMode.TX,
        index_url: ServerUrl | None = None,
        trust: TrustPoint | None = None,
        chain_is_new: bool = False,
        explorer: bool = False,
        machine: Machine | None = None,
    ) -> Running[N]:
        """Start node `index`; its home is its own and survives a stop.

        Who knows that the `chain_is_new` needs to meet no quorum before it signs.
        """
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
            snapshots=snapshots,
            sync=sync,
            index=index_mode,
            index_url=index_url,
            trust=trust,
            explorer=explorer,
        )

        if chain_is_new and config.validator_key is not None:
            write_first_log(config.data_dir, self.document, config.validator_key.public_key)

        async def make(config: NodeConfig, before: Handover | None = None) -> N:
            join = self.hub.join
            return await machine.run_blocking(
                self.assemble, config, lambda identity, _settings: join(identity), machine, before
            )

        again = partial(make, replace(config, sync_again=False))
        running = Running(await make(config), trio.CancelScope(), trio.Event(), again)
        await self.nursery.start(_serve, running)
        return running


Cluster: TypeAlias = AnyCluster[Node]


async def _serve(
    running: Running[N], task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    def started() -> None:
        if not running.starts:
            task_status.started()
        running.starts += 1

    try:
        with running.scope:
            while True:
                before = await run_services(running.node, ready=lambda: None, started=started)
                running.node = await running.assemble(before)
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
    async with empty_cluster(root, document, assemble, machine) as net:
        yield net


@asynccontextmanager
async def empty_cluster(
    root: Path, document: GenesisDocument, assemble: Assemble[N], machine: Machine | None
) -> AsyncIterator[AnyCluster[N]]:
    """A hub without nodes, and a nursery for them."""
    async with trio.open_nursery() as nursery:
        yield AnyCluster(root, document, nursery, assemble, machine=machine or Machine())
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


def owner_of(founder: int) -> Address:
    return address_of_key(founder_key("testnet", founder).public_key)


def validator_at(running: Running[N], founder: int) -> ValidatorRecord:
    """A founder's validator as one node's final state has it."""
    raw = running.node.chain.head.get(validator_key(owner_of(founder)))
    assert raw is not None
    return decode_validator(raw)


def place_at(running: Running[N], founder: int) -> int | None:
    """Its place in the set of the head's epoch; None when it is not in it."""
    head = running.node.chain.head
    voters = head.validators_of(head.head.height // head.document.consensus.epoch_blocks)
    assert voters is not None
    return voters.index_of(owner_of(founder))


def public_account(index: int) -> SigningKey:
    """A funded account of the local network."""
    return account_key("testnet", index)
