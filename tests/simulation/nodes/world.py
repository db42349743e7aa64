"""Whole nodes in one process and virtual time, on an in-memory network with faults."""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio
import trio.lowlevel
from trio_typing import TaskStatus

from aichain.config import Endpoint, NodeConfig
from aichain.errors import NotPooled, StoreFailed
from aichain.machine import Machine
from aichain.node.assemble import Node, assemble, node_identity, open_chain
from aichain.node.lanes.assemble import LaneNode, assemble_lanes
from aichain.node.services import start_services
from aichain.store.paths import DataPaths
from consensus.lanes.state import Lanes, closing_seats
from genesis.document import GenesisDocument
from genesis.networks import account_key, founder_key, local_document
from genesis.units import address_of_key
from native.errors import InvalidData
from native.hashing import derive_hash
from p2p.memory_links import EqualLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience
from p2p.settings import NodeIdentity
from p2p.wire.messages import Gossiped, Pushed
from tests.builders_lane_nodes import lane_document
from tests.simulation.nodes.checkers import Checker, Violation
from tests.simulation.nodes.plan import (
    CALM,
    Crash,
    DeadCommittee,
    DiskFull,
    Fault,
    Mute,
    Plan,
    PowerCut,
    Split,
    Weather,
)
from tests.simulation.nodes.power import Power, PowerLost, supplied_by
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import (
    START_MS,
    VirtualClock,
    run_virtual,
    slowness,
    work_on_the_spot,
)
from vm.transactions import Transaction, Transfer, sign_transaction

BLOCKS_AFTER_HEALING = 10
PATIENCE_S = 120.0
_POLL_S = 0.05
_LINK_DOWN_S = 10.0


class Links(EqualLinks):
    """Weather, and links that are deaf in one direction."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, CALM)
        self.mute: set[tuple[str, str]] = set()

    def loses(self, sender: str, receiver: str) -> bool:
        return super().loses(sender, receiver) or (sender, receiver) in self.mute


class WatchedNetwork(MemoryNetwork):
    """Shows the checker what an honest node signs."""

    def __init__(self, hub: MemoryHub, identity: NodeIdentity, checker: Checker, index: int):
        super().__init__(hub, identity)
        self._checker, self._index = checker, index
        key = identity.validator_key
        self._key = b"" if key is None else key.public_key

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        self._checker.on_sent(self._index, message)
        return super().push(message, to)

    def gossip(self, message: Gossiped) -> None:
        self._checker.on_gossiped(self._index, message, self._key)
        super().gossip(message)


@dataclass(frozen=True, slots=True)
class Result:
    """What one run did."""

    seed: int
    violation: str
    trace: str
    heights: int
    finalizations: int
    transactions: int
    virtual_s: float
    faults: Counter[str]
    restarts: int
    """Checkpoints that a committee's term ended at before its last block."""


@dataclass(slots=True)
class _Running:
    node: Node | LaneNode
    scope: trio.CancelScope
    stopped: trio.Event


@dataclass(slots=True)
class World:
    """The nodes of one run; `founders` is also the number of the twin, if there is one."""

    plan: Plan
    root: Path
    document: GenesisDocument
    nursery: trio.Nursery
    links: Links
    hub: MemoryHub
    power: Power
    checker: Checker = field(default_factory=Checker)
    running: dict[int, _Running] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    async def start(self, index: int, *, lost_chain: bool = False) -> None:
        """Start or restart a node on its own directory."""
        is_twin = index == self.plan.founders
        founder = self.plan.twin if is_twin else index
        assert founder is not None
        honest = not is_twin and founder != self.plan.twin

        def network(identity: NodeIdentity, _settings: object) -> MemoryNetwork:
            if honest:
                return WatchedNetwork(self.hub, identity, self.checker, index)
            return MemoryNetwork(self.hub, identity)

        machine = Machine(VirtualClock(self.plan.skews_ms[founder]), work_on_the_spot)
        config = replace(self._config(index, founder), sync_again=lost_chain)
        build = assemble_lanes if self.document.has_lanes else assemble
        node = build(config, network, machine)
        if honest:
            self.checker.on_start(index, node, lost_chain=lost_chain)
        running = self.running[index] = _Running(node, trio.CancelScope(), trio.Event())
        await self.nursery.start(partial(self._serve, index, running, watched=honest))

    async def crash(self, index: int) -> None:
        """The process is gone; its files are as it left them."""
        running = self.running.pop(index)
        running.scope.cancel()
        await running.stopped.wait()

    async def _serve(
        self,
        index: int,
        running: _Running,
        task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
        *,
        watched: bool,
    ) -> None:
        slowness.set(self.plan.slow.get(index, 1.0))
        try:
            with running.scope:
                async with trio.open_nursery() as nursery:
                    if watched:
                        nursery.start_soon(self._watch, index, running.node)
                        await trio.lowlevel.checkpoint()
                    await start_services(running.node, nursery)
                    task_status.started()
        except* PowerLost:
            self.faults["power lost"] += 1
        except* StoreFailed:
            self.faults["disk full"] += 1
        finally:
            running.node.feed.close()
            running.node.close()
            running.stopped.set()

    async def _watch(self, index: int, node: Node | LaneNode) -> None:
        with node.feed.subscribe() as views:
            async for view in views:
                at_ms = int(trio.current_time() * 1000)
                self.checker.on_final(index, view, at_ms)

    def _config(self, index: int, founder: int) -> NodeConfig:
        return NodeConfig(
            home=self._home(index),
            document=self.document,
            node_seed=derive_hash("aichain/test/node", bytes([index])),
            validator_key=founder_key("testnet", founder),
            rpc_listen=Endpoint("127.0.0.1", 0),
            p2p_listen=Endpoint("127.0.0.1", 3691),
        )

    async def suffer(self) -> None:
        """Inject the plan's faults at their times, each in a task of its own."""
        async with trio.open_nursery() as nursery:
            for at_s, fault in self.plan.faults:
                nursery.start_soon(self._inject, at_s, fault)
        self.hub.heal()
        self.links.mute.clear()
        self.links.conditions = CALM

    async def _inject(self, at_s: float, fault: Fault) -> None:
        await trio.sleep(at_s)
        match fault:
            case Crash(indices, down_s, loses):
                await self._crash_and_restart(indices, down_s, loses)
            case PowerCut(index, operations, down_s):
                self.power.fail_after(self._home(index), operations)
                await self._wait_for_end(index, down_s)
            case DiskFull(index, down_s):
                self.power.fill_disk(self._home(index))
                await self._wait_for_end(index, down_s)
            case DeadCommittee(down_s):
                await self._crash_and_restart(self._seat_holders(), down_s, "")
                self.faults["dead committee"] += 1
            case Split(side):
                self.faults["partition"] += 1
                self.hub.partition([self._peer_id(index) for index in side])
                await trio.sleep(_LINK_DOWN_S)
                self.hub.heal()
            case Mute(speaker, deaf):
                self.faults["link deaf in one direction"] += 1
                link = self._peer_id(speaker), self._peer_id(deaf)
                self.links.mute.add(link)
                await trio.sleep(_LINK_DOWN_S)
                self.links.mute.discard(link)
            case Weather(conditions):
                self.faults["delay and loss"] += 1
                self.links.conditions = conditions
                await trio.sleep(_LINK_DOWN_S)
                self.links.conditions = CALM

    async def _crash_and_restart(self, indices: tuple[int, ...], down_s: float, loses: str) -> None:
        down = [index for index in indices if index in self.running]
        for index in down:
            await self.crash(index)
        self.faults["crash of everybody" if len(indices) > 1 else "crash"] += 1
        paths = [DataPaths(self._config(index, index).data_dir) for index in down]
        for each in paths if loses else ():
            self.faults[f"{loses} lost"] += 1
            shutil.rmtree(each.chain if loses == "chain" else each.index)
        await trio.sleep(down_s)
        for index in down:
            await self.start(index, lost_chain=loses == "chain")

    def _seat_holders(self) -> tuple[int, ...]:
        """Of the newest term, those with most seats, until so many are gone that it is dead."""
        states = (running.node.engine.state for running in self.running.values())
        terms = next((each.terms for each in states if isinstance(each, Lanes)), ())
        if not terms:
            return ()
        committee, lost = terms[-1].instance.electorate, 0
        places: list[int] = []
        for seat in sorted(range(len(committee)), key=lambda seat: -committee.weights[seat]):
            if lost < closing_seats(terms[-1]):
                lost += committee.weights[seat]
                places.append(committee.place(seat))
        return tuple(places)

    async def _wait_for_end(self, index: int, down_s: float) -> None:
        """The node ends by itself, because it writes in every block; if the chain moves."""
        running, home = self.running.get(index), self._home(index)
        if running is not None:
            with trio.move_on_after(_LINK_DOWN_S):
                await running.stopped.wait()
        self.power.spare(home)
        if running is not None and running.stopped.is_set() and self.running.get(index) is running:
            del self.running[index]
            self.power.tear(home)
            await trio.sleep(down_s)
            await self.start(index)

    def _home(self, index: int) -> Path:
        return self.root / f"node{index}"

    def _peer_id(self, index: int) -> str:
        return node_identity(self._config(index, 0)).peer_id

    async def spend(self) -> None:
        """Give transfers to whoever runs, one account after the other, until cancelled."""
        if not self.plan.transfers_per_s:
            return
        rng, nonces = random.Random(self.plan.seed), Counter[int]()
        while True:
            await trio.sleep(1 / self.plan.transfers_per_s)
            account = rng.randrange(4)
            key = account_key("testnet", account)
            body = Transfer(address_of_key(account_key("testnet", 4).public_key), 1, b"")
            sender = address_of_key(key.public_key)
            transaction = Transaction(
                self.document.network_id, sender, nonces[account], 10**17, 0, 5_000, body
            )
            signed = sign_transaction(transaction, key, reveal=True)
            index = rng.choice(sorted(self.running) or [-1])
            if index >= 0:
                try:
                    await self.running[index].node.pool.submit(signed.raw)
                    nonces[account] += 1
                except (InvalidData, NotPooled):
                    self.faults["(transaction refused)"] += 1

    async def live_on(self) -> None:
        """After healing every honest node finalizes ten more blocks."""
        honest = [index for index in range(self.plan.founders) if index != self.plan.twin]
        target = max(self.checker.final, default=0) + BLOCKS_AFTER_HEALING
        with trio.move_on_after(PATIENCE_S) as patience:
            while min(self.checker.heights[index] for index in honest) < target:  # noqa: ASYNC110
                await trio.sleep(_POLL_S)
        if patience.cancelled_caught:
            heights = {index: self.checker.heights[index] for index in honest}
            raise Violation(f"no progress after healing: {heights}, wanted {target}")

    async def reopen(self) -> None:
        """Stop everybody, and open every chain again."""
        for index in sorted(self.running):
            await self.crash(index)
        for index in range(self.plan.founders):
            if index != self.plan.twin:
                chain = open_chain(self._config(index, index))
                self.checker.on_reopened(index, chain)
                chain.close()


def run_plan(plan: Plan, root: Path) -> Result:
    """One run from block 0 to the comparison of what is left."""
    violation, world, power = "", None, Power(plan.seed)

    async def program() -> float:
        nonlocal world
        links = Links(plan.seed)
        async with trio.open_nursery() as nursery:
            hub = MemoryHub(links)
            world = World(plan, root, _document(plan), nursery, links, hub, power)
            for index in range(plan.founders + (plan.twin is not None)):
                await world.start(index)
            world.faults["clock skew"] += any(plan.skews_ms)
            world.faults["slow node"] += len(plan.slow)
            world.faults["twin"] += plan.twin is not None
            nursery.start_soon(world.spend)
            await world.suffer()
            await world.live_on()
            await world.reopen()
            nursery.cancel_scope.cancel()
        return trio.current_time()

    virtual_s = 0.0
    try:
        with stand_in_signatures(), supplied_by(power):
            virtual_s = run_virtual(program, plan.seed)
    except* Violation as group:
        violation = str(_first(group))
    assert world is not None
    checker = world.checker
    return Result(
        plan.seed,
        violation,
        checker.trace,
        max(checker.final, default=0),
        checker.finalizations,
        checker.transactions,
        virtual_s,
        world.faults,
        sum(checkpoint.is_restart for checkpoint in checker.checkpoints.values()),
    )


def _document(plan: Plan) -> GenesisDocument:
    if plan.founders > plan.full_set_limit:
        document = lane_document(plan.founders, full_set_limit=plan.full_set_limit)
    else:
        document = local_document("testnet", plan.founders, onion_length=4_096)
    consensus = replace(
        document.consensus,
        epoch_blocks=plan.epoch_blocks,
        delta_ms=plan.delta_ms,
        clock_offset_ms=plan.clock_offset_ms,
    )
    return replace(document, consensus=consensus, genesis_time_ms=START_MS)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
