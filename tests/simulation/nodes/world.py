"""Whole nodes in one process and virtual time, on an in-memory network with faults."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio
from trio_typing import TaskStatus

from aichain.config import Endpoint, NodeConfig, SyncMode
from aichain.errors import ConsensusHalted, StoreCorrupt, StoreFailed
from aichain.machine import Machine
from aichain.node.assemble import Node, node_identity
from aichain.node.build import build_node
from aichain.node.joiner import Handover
from aichain.node.lanes.assemble import LaneNode
from aichain.node.services import run_services
from aichain.store.paths import DataPaths
from consensus.fork_proof import ForkProof
from consensus.lanes.rules import AGE_PER_BLOCK
from genesis.document import GenesisDocument
from genesis.networks import founder_key
from genesis.units import Address, address_of_key
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.settings import NodeIdentity
from tests.simulation.nodes.bounds import require_bounded, watch_bounds
from tests.simulation.nodes.capture import show_false_final
from tests.simulation.nodes.checkers import Checker, Violation, first_of
from tests.simulation.nodes.evil import Crimes, CunningNetwork, EvilNetwork, corrupt
from tests.simulation.nodes.evil_lanes import EvilLanes
from tests.simulation.nodes.evil_producer import BadBlockBook
from tests.simulation.nodes.forensics import investigate
from tests.simulation.nodes.joins import JOINED, LOST_IN_A_JOIN, is_joining
from tests.simulation.nodes.offenders import Offenders, shelter
from tests.simulation.nodes.plan import (
    CALM,
    BitFlip,
    Captured,
    Crash,
    Cut,
    DeadCommittee,
    DiskFull,
    Fault,
    Mute,
    Plan,
    PowerCut,
    Split,
    Weather,
    WrongClock,
)
from tests.simulation.nodes.power import Power, PowerLost
from tests.simulation.nodes.rot import come_back
from tests.simulation.nodes.running import Running
from tests.simulation.nodes.seats import seat_holders
from tests.simulation.nodes.stakes import STRANGER, STRANGER_OWNER
from tests.simulation.nodes.topology import begin_log, node_seed
from tests.simulation.nodes.virtual_time import (
    VirtualClock,
    slowness,
    work_on_the_spot,
)
from tests.simulation.nodes.watched import Links, WatchedNetwork

BLOCKS_AFTER_HEALING = 10
SPREAD_MAX = 2
"""Heights between the first and the last."""
PATIENCE_S = 120.0
_POLL_S = 0.05
_LINK_DOWN_S = 10.0


@dataclass(slots=True)
class World:
    """The nodes of one run: founders, then second copies of some, then the stranger."""

    plan: Plan
    root: Path
    document: GenesisDocument
    nursery: trio.Nursery
    links: Links
    hub: MemoryHub
    power: Power
    running: dict[int, Running] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    clocks: dict[int, VirtualClock] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    """Nodes whose chain was gone: a snapshot may be older than what their log knows decided."""
    checker: Checker = field(init=False)
    offenders: Offenders = field(init=False)
    book: BadBlockBook = field(default_factory=BadBlockBook)
    watchers: list[Callable[[Node | LaneNode], None]] = field(default_factory=list)
    """Told of honest nodes whose final state is another one."""

    def __post_init__(self) -> None:
        owners = self._owners()
        self.checker = Checker({owners[founder] for founder in self.plan.evil})
        self.offenders = Offenders(self.plan, self.checker, self.fault)

    async def start(self, index: int, *, lost_chain: bool = False) -> None:
        """Start or restart a node on its own directory."""
        plan, founder, honest = self.plan, self.founder_of(index), index in self.honest

        def network(identity: NodeIdentity, _settings: object) -> MemoryNetwork:
            if honest:
                peers = {self._peer_id(each): each for each in self.honest}
                return WatchedNetwork(self.hub, identity, self.checker, index, peers, self.book)
            if founder in plan.liars:
                evil = EvilLanes if self.document.has_lanes else EvilNetwork
                return evil(self.hub, identity, founder, plan.seed, self.fault, self._crimes())
            if plan.cunning and founder in plan.twins:
                return CunningNetwork(self.hub, identity, int(index >= plan.founders))
            return MemoryNetwork(self.hub, identity)

        skew_ms = 0 if founder is None else plan.skews_ms[founder]
        clock = self.clocks[index] = VirtualClock(skew_ms)
        config = replace(self.config(index), sync_again=lost_chain)
        if plan.peers_max is not None:
            begin_log(config)
        build = partial(build_node, network_of=network, machine=Machine(clock, work_on_the_spot))
        node = build(config)
        lost_chain = lost_chain or (plan.rots and bool(node.chain.recovery_note))
        if honest:
            self.lost |= {index} if lost_chain and plan.joins else set()
            self.checker.on_start(index, node, lost_chain=lost_chain or index in self.lost)
            self.offenders.watch(index, node)
        elif founder in plan.liars:
            corrupt(node, self.book, plan.founders - 1)
            if plan.shelters:
                shelter(node.pool, self.fault)
        running = self.running[index] = Running(node, build, trio.CancelScope(), trio.Event())
        await self.nursery.start(partial(self._serve, index, running, watched=honest))

    async def crash(self, index: int) -> None:
        """The process is gone; its files are as it left them."""
        running = self.running.pop(index)
        require_bounded(index, running.node)
        running.scope.cancel()
        await running.stopped.wait()

    async def _serve(
        self,
        index: int,
        running: Running,
        task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
        *,
        watched: bool,
    ) -> None:
        slowness.set(self.plan.slow.get(index, 1.0))
        try:
            with running.scope:
                before = await self._live(index, running, task_status.started)
                while True:
                    running.node = running.build(self.config(index), before=before)
                    self.faults[JOINED] += 1
                    if watched:
                        self.checker.on_joined(index, running.node)
                        self.offenders.watch(index, running.node)
                    before = await self._live(index, running, lambda: None)
        except* PowerLost:
            self.faults["power lost"] += 1
            self.faults[LOST_IN_A_JOIN] += is_joining(self.config(index).data_dir)
        except* StoreCorrupt as damages:
            error = first_of(damages)
            if not self.plan.rots:
                raise Violation(f"node {index}: {error}") from None
            assert isinstance(error, StoreCorrupt)
            running.damage = error
            self.running.pop(index, None)
        except* StoreFailed:
            self.faults["disk full"] += 1
        except* ConsensusHalted as halts:
            if watched:
                error = first_of(halts)
                assert isinstance(error, ConsensusHalted)
                self.checker.on_halt(index, error.reason)
            self.running.pop(index, None)
        finally:
            running.stopped.set()

    async def _live(self, index: int, running: Running, started: Callable[[], None]) -> Handover:
        """Until it is cancelled, or has joined another chain."""
        async with trio.open_nursery() as nursery:
            if index in self.honest:
                nursery.start_soon(self._watch, index, running.node)
                await trio.lowlevel.checkpoint()
            running.is_up = True
            try:
                return await run_services(running.node, ready=lambda: None, started=started)
            finally:
                running.is_up = False
                nursery.cancel_scope.cancel()

    async def _watch(self, index: int, node: Node | LaneNode) -> None:
        """Until the node is closed, and its feed with it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_bounds, index, node)
            if isinstance(node, LaneNode):
                nursery.start_soon(self.checker.lanes.watch, index, node, self.checker.blocks)
            with node.feed.subscribe() as views:
                async for view in views:
                    at_ms = int(trio.current_time() * 1000)
                    self.checker.on_final(index, view, at_ms)
                    self.checker.finality.check(index, node.chain, view.block.header)
                    self.offenders.on_final(view.block)
                    self.book.on_final(view.block.id)
                    for tell in self.watchers:
                        tell(node)
            nursery.cancel_scope.cancel()

    @property
    def honest(self) -> tuple[int, ...]:
        """Nodes that must keep all the rules, the stranger among them."""
        return (*self.plan.honest, *((self.plan.stranger,) if self.plan.rotates else ()))

    def node(self, index: int) -> Node | LaneNode | None:
        """A node that is up."""
        running = self.running.get(index)
        return None if running is None or running.stopped.is_set() else running.node

    def fault(self, kind: str) -> None:
        self.faults[kind] += 1

    def founder_of(self, index: int) -> int | None:
        """Whose key a node votes with; None for the stranger's own."""
        plan = self.plan
        if index == plan.stranger:
            return None
        return plan.twins[index - plan.founders] if index >= plan.founders else index

    def config(self, index: int) -> NodeConfig:
        """How a node is started."""
        founder = self.founder_of(index)
        return NodeConfig(
            home=self._home(index),
            document=self.document,
            node_seed=node_seed(index),
            validator_key=STRANGER if founder is None else founder_key("testnet", founder),
            keep=self.plan.keep.get(index),
            sync=SyncMode.SNAPSHOT if self.plan.joins else SyncMode.FULL,
            rpc_listen=Endpoint("127.0.0.1", 0),
            p2p_listen=Endpoint("127.0.0.1", 3691),
        )

    async def suffer(self) -> None:
        """Inject the plan's faults at their times, each in a task of its own."""
        if self.plan.halves:
            self._halve()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, self.plan.heal_s)
            for at_s, fault in self.plan.faults:
                nursery.start_soon(self._inject, at_s, fault)
        self.hub.heal()
        self.links.mute.clear()
        self.links.conditions = CALM
        for index, clock in self.clocks.items():
            founder = self.founder_of(index)
            clock.skew_ms = 0 if founder is None else self.plan.skews_ms[founder]

    async def _inject(self, at_s: float, fault: Fault) -> None:
        await trio.sleep(at_s)
        with self.checker.lanes.reversals.during(fault):
            await self._suffer(fault)

    async def _suffer(self, fault: Fault) -> None:
        match fault:
            case Crash(indices, down_s, loses):
                await self._crash_and_restart(indices, down_s, loses)
            case PowerCut(index, operations, down_s, in_join):
                joining = DataPaths(self.config(index).data_dir).joining
                self.power.fail_after(joining if in_join else self._home(index), operations)
                await self._wait_for_end(index, down_s)
            case BitFlip(index, down_s, directory):
                await self.crash(index)
                await trio.sleep(down_s)
                await come_back(self, index, directory)
            case DiskFull(index, down_s):
                self.power.fill_disk(self._home(index))
                await self._wait_for_end(index, down_s)
            case DeadCommittee(down_s):
                states = [running.node.engine.state for running in self.running.values()]
                holders = seat_holders(states, self._owners())
                await self._crash_and_restart(holders, down_s, "")
                self.faults["dead committee"] += 1
            case Captured(victim, alone_s):
                await self._capture(victim, alone_s)
            case Split(side):
                self.faults["partition"] += 1
                self.hub.partition([self._peer_id(index) for index in side])
                await trio.sleep(_LINK_DOWN_S)
                self.hub.heal()
            case Mute(speaker, deaf):
                await self._mute("link deaf in one direction", (speaker, deaf))
            case Cut(one, other):
                await self._mute("link cut", (one, other), (other, one))
            case WrongClock(index, off_ms):
                self.faults["clock far off"] += 1
                self.clocks[index].skew_ms += off_ms
                await trio.sleep(_LINK_DOWN_S)
                self.clocks[index].skew_ms -= off_ms
            case Weather(conditions):
                self.faults["delay and loss"] += 1
                self.links.conditions = conditions
                await trio.sleep(_LINK_DOWN_S)
                self.links.conditions = CALM

    async def _mute(self, fault: str, *pairs: tuple[int, int]) -> None:
        self.faults[fault] += 1
        links = {(self._peer_id(speaker), self._peer_id(deaf)) for speaker, deaf in pairs}
        self.links.mute |= links
        await trio.sleep(_LINK_DOWN_S)
        self.links.mute -= links

    async def _capture(self, victim: int, alone_s: float) -> None:
        node = self.node(victim)
        self.hub.partition([self._peer_id(victim)])
        founders = self.plan.founders
        bought = await show_false_final(node, founders) if isinstance(node, LaneNode) else None
        if bought is not None:
            self.checker.lanes.reversals.bought.add(bought)
            self.faults["committee captured"] += 1
        await trio.sleep(alone_s)
        self.hub.heal()

    async def _crash_and_restart(self, indices: tuple[int, ...], down_s: float, loses: str) -> None:
        down = [index for index in indices if index in self.running]
        for index in down:
            await self.crash(index)
        self.faults["crash of everybody" if len(indices) > 1 else "crash"] += 1
        paths = [DataPaths(self.config(index).data_dir) for index in down]
        for each in paths if loses else ():
            self.faults[f"{loses} lost"] += 1
            shutil.rmtree(each.chain if loses == "chain" else each.index)
        await trio.sleep(down_s)
        for index in down:
            await self.start(index, lost_chain=loses == "chain")

    def _owners(self) -> list[Address]:
        """Of the founders, and of the stranger if there is one, in the order of their nodes."""
        keys = [founder_key("testnet", index) for index in range(self.plan.founders)]
        owners = [address_of_key(key.public_key) for key in keys]
        twins = [owners[index] for index in self.plan.twins]
        return [*owners, *twins, *((STRANGER_OWNER,) if self.plan.rotates else ())]

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
        return node_identity(self.config(index)).peer_id

    def _crimes(self) -> Crimes:
        plan = self.plan
        shown_to = "" if plan.witness is None else self._peer_id(plan.witness)
        return Crimes(plan.crimes, *plan.crimes_s, shown_to)

    def _halve(self) -> None:
        """Each half of the honest with one copy of every twin."""
        plan = self.plan
        half = plan.honest[: len(plan.honest) // 2]
        copies = range(plan.founders, plan.stranger)
        self.hub.partition([self._peer_id(index) for index in (*half, *copies)])

    async def live_on(self) -> None:
        """After healing every honest node finalizes ten more blocks, and is level with the rest."""
        target = max(self.checker.final, default=0) + BLOCKS_AFTER_HEALING
        ages_s = (
            AGE_PER_BLOCK * self.plan.term_blocks * self.document.consensus.block_time_ms / 1000
        )
        with trio.move_on_after(PATIENCE_S + ages_s) as patience:
            while not self._are_level(target):  # noqa: ASYNC110 others' state
                await trio.sleep(_POLL_S)
        if patience.cancelled_caught:
            heights = {index: self.checker.heights[index] for index in self.honest}
            raise Violation(f"no progress after healing: {heights}, wanted {target}")

    def _are_level(self, target: int) -> bool:
        heights = [self.checker.heights[index] for index in self.honest]
        return min(heights) >= max(target, max(heights) - SPREAD_MAX)

    async def investigate(self) -> ForkProof | None:
        """Stop everybody, and see whom the homes of the honest convict."""
        for index in sorted(self.running):
            await self.crash(index)
        return investigate([self.config(index) for index in self.plan.honest])
