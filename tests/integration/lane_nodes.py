"""Whole nodes with two lanes in one process, on the in-memory network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from aichain.machine import Machine
from aichain.node.lanes.assemble import LaneNode, assemble_lanes
from consensus.lanes.state import Lanes
from tests.builders_lane_nodes import lane_document
from tests.integration.nodes import AnyCluster, Running, empty_cluster
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

RunningLanes: TypeAlias = Running[LaneNode]
LaneCluster: TypeAlias = AnyCluster[LaneNode]


def lanes_of(running: RunningLanes) -> Lanes:
    """What its core holds."""
    return running.node.engine.state


@asynccontextmanager
async def lane_cluster(
    root: Path,
    founders: int,
    *,
    full_set_limit: int = 2,
    epoch_blocks: int = 256,
    machine: Machine | None = None,
) -> AsyncIterator[LaneCluster]:
    """An empty cluster; five founders and a full set of two make terms of four blocks."""
    document = lane_document(founders, epoch_blocks=epoch_blocks, full_set_limit=full_set_limit)
    async with empty_cluster(root, document, assemble_lanes, machine) as net:
        yield net


def play(
    root: Path,
    founders: int,
    story: Callable[[list[RunningLanes]], Awaitable[None]],
    *,
    epoch_blocks: int,
    seed: int,
) -> None:
    """What happens among founders that run from block 0 on, in virtual time."""

    async def program() -> None:
        machine = virtual_machine()
        async with lane_cluster(root, founders, epoch_blocks=epoch_blocks, machine=machine) as net:
            await story([await net.start(index) for index in range(founders)])

    run_virtual(program, seed=seed)
