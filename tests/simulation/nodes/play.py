"""One run of whole nodes, from block 0 to what is left of it."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trio

from aichain.node.home import open_chain
from aichain.node.lanes import engine
from consensus.lanes.voters import term_blocks
from genesis import limits
from genesis.document import GenesisDocument
from genesis.networks import local_document
from native.errors import AIChainError
from native.node_keys import peer_id_of_seed, peer_id_text
from p2p.memory_links import MayMeet, everybody_meets
from p2p.memory_network import MemoryHub
from tests.builders_lane_nodes import lane_document
from tests.simulation.nodes.checkers import Violation, first_of
from tests.simulation.nodes.forensics import accused_in
from tests.simulation.nodes.jail import Jailer, stay_away
from tests.simulation.nodes.joins import small_snapshots
from tests.simulation.nodes.plan import KEPT_BLOCKS, Plan
from tests.simulation.nodes.power import Power, supplied_by
from tests.simulation.nodes.spending import spend
from tests.simulation.nodes.stakes import join_and_leave, retire
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.topology import draw_links, node_seed
from tests.simulation.nodes.virtual_time import START_MS, Steps, run_virtual
from tests.simulation.nodes.watched import Links
from tests.simulation.nodes.world import World

UNTIL_NOTICED_S = 30.0
ACCUSED_AT_A_FORK = "(accused in the log of who halted)"
ONE_BY_ONE = 2
SMALL_LOG_BYTES = 1
JAIL_BLOCKS = 24
"""An hour in life; here longer than it takes to leave the set."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run did."""

    seed: int
    events: int
    """Steps of tasks."""
    violation: str | None
    trace: str
    heights: int
    finalizations: int
    transactions: int
    virtual_s: float
    faults: Counter[str]
    restarts: int
    """Checkpoints that a committee's term ended at before its last block."""

    @property
    def virtual_ms(self) -> int:
        return round(1000 * self.virtual_s)

    @property
    def extras(self) -> dict[str, int]:
        """What only this simulator counts."""
        return {
            "blocks": self.heights,
            "transactions": self.transactions,
            "restarts": self.restarts,
        }


def run_plan(plan: Plan, root: Path) -> Result:
    """One run from block 0 to the comparison of what is left."""
    violation, world, power, steps = None, None, Power(plan.seed), Steps()

    async def program() -> float:
        nonlocal world
        links = Links(plan.seed)
        async with trio.open_nursery() as nursery:
            hub = MemoryHub(links, _topology(plan))
            world = World(plan, root, _document(plan), nursery, links, hub, power)
            await _play(world)
            nursery.cancel_scope.cancel()
        return trio.current_time()

    virtual_s = 0.0
    own_machine = patch.dict(os.environ, XDG_RUNTIME_DIR=str(root))  # other runs hold other locks
    try:
        with ExitStack() as stack:
            for each in (stand_in_signatures(), supplied_by(power), own_machine):
                stack.enter_context(each)
            for shorter in (_short_limits(plan), _terms_of(plan)):
                stack.enter_context(shorter)
            virtual_s = run_virtual(program, plan.seed, steps)
    except* (Violation, AssertionError, AIChainError) as group:
        violation = _said(first_of(group))
    assert world is not None
    world.faults.update(power.lost)
    checker = world.checker
    return Result(
        plan.seed,
        steps.count,
        violation,
        checker.trace,
        max(checker.final, default=0),
        checker.finalizations,
        checker.transactions,
        virtual_s,
        world.faults,
        sum(checkpoint.is_restart for checkpoint in checker.checkpoints.values()),
    )


def _said(error: BaseException) -> str:
    """What a checker found, or what a node stopped with."""
    return str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"


async def _play(world: World) -> None:
    plan, faults = world.plan, world.faults
    world.checker.beyond = world.checker.lanes.beyond = plan.halves
    for index in range(plan.stranger + plan.rotates):
        await world.start(index)
    faults["clock skew"] += any(plan.skews_ms)
    faults["slow node"] += len(plan.slow)
    faults["twin"] += len(plan.twins)
    faults["node that prunes"] += len(plan.keep)
    world.nursery.start_soon(spend, world)
    if plan.rotates:
        world.nursery.start_soon(join_and_leave, world)
    if plan.retires:
        world.nursery.start_soon(retire, world)
    await world.suffer()
    if plan.halves:
        await trio.sleep(UNTIL_NOTICED_S)
        world.checker.on_fork_ended(await world.investigate(), plan.honest, plan.twins)
        faults["(fork)"] += world.checker.is_forked
        faults["(node halted at a fork)"] += len(world.checker.halted)
        faults[ACCUSED_AT_A_FORK] += sum(
            accused_in(world.config(index)) for index in world.checker.halted
        )
        return
    if plan.absentee is not None:
        jailer = Jailer(plan, world.fault)
        world.watchers.append(jailer.on_final)
        await stay_away(world, jailer)
    await world.live_on()
    world.book.judge(plan.honest, 1 if world.document.has_lanes else len(plan.honest))
    faults["(fast block taken back)"] += world.checker.lanes.rolled_back
    await world.offenders.punish()
    await _reopen(world)


async def _reopen(world: World) -> None:
    """Stop everybody, and open every chain again."""
    for index in sorted(world.running):
        await world.crash(index)
    for index in world.plan.honest:
        chain = open_chain(world.config(index))
        if world.plan.rots and not world.checker.is_indexed(index, chain):
            chain.close()  # what is damaged was read, so the next start makes it anew
            chain = open_chain(world.config(index))
        world.checker.on_reopened(index, chain)
        chain.close()


@contextmanager
def _terms_of(plan: Plan) -> Iterator[None]:
    """As long as with more validators than a run can carry: 64 blocks take 33 and more."""
    if not plan.term_blocks:
        yield
        return
    with patch.object(engine, "term_blocks", lambda *_: plan.term_blocks):
        yield


def _topology(plan: Plan) -> MayMeet:
    """Everybody meets everybody, or a few others that the seed draws."""
    if plan.peers_max is None:
        return everybody_meets
    peers = [peer_id_text(peer_id_of_seed(node_seed(each))) for each in range(plan.stranger + 1)]
    links = draw_links(random.Random(f"links/{plan.seed}"), peers, plan.peers_max)
    return lambda one, other: (one, other) in links


def _short_limits(plan: Plan) -> AbstractContextManager[object]:
    """A run is short: what takes hundreds of blocks must take a few to be seen at all.

    Nodes that prune keep fewer blocks, where chains fork logs are rewritten with each block, and
    where somebody lies few blocks are fetched one by one, so that whoever lost its chain asks for
    ranges.
    """
    shorter = dict[str, Any]()
    if plan.keep:
        shorter["CERTIFICATE_WINDOW_BLOCKS"] = KEPT_BLOCKS
    if plan.one_by_one:
        shorter["FETCHED_ANCESTORS_MAX"] = ONE_BY_ONE
    elif plan.liars:
        shorter["FETCHED_ANCESTORS_MAX"] = max(ONE_BY_ONE, _longest_term(plan))
    if plan.halves:
        shorter["WAL_PRUNE_BYTES"] = SMALL_LOG_BYTES
    patches = ExitStack()
    if shorter:
        patches.enter_context(patch.multiple(limits, **shorter))
    if plan.joins:
        patches.enter_context(small_snapshots())
    return patches


def _longest_term(plan: Plan) -> int:
    """Its blocks come one by one or not at all; 0 with a single lane."""
    if plan.founders <= plan.full_set_limit:
        return 0
    validators = plan.founders + plan.rotates
    return plan.term_blocks or term_blocks(validators, plan.full_set_limit, plan.epoch_blocks)


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
    staking = document.staking
    if plan.absentee is not None:
        staking = replace(staking, jail_blocks=JAIL_BLOCKS)
    return replace(document, consensus=consensus, staking=staking, genesis_time_ms=START_MS)
