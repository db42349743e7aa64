"""A machine that loses its power at each of its writes around the edge of an epoch."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from aichain.machine import Machine
from consensus.proposals import PROPOSAL_CONTEXT
from consensus.votes import VOTE_CONTEXT, VotePhase
from native.hashing import Hash32
from tests.integration.lane_nodes import lane_cluster
from tests.integration.nodes import RunningNode, cluster, until
from tests.simulation.nodes.power import Power, PowerLost, supplied_by
from tests.simulation.nodes.virtual_time import VirtualClock, run_virtual, work_on_the_spot

EPOCH_BLOCKS = 2
BEFORE, AFTER, LATER = 1, 3, 5
"""Heights: the last block but one of an epoch, the first of the next, one edge further."""
VOTE = struct.Struct(">5s32sBQQ32s")
LEAST_WRITES = 10
"""That each kind of write is met: bodies, votes, certificates, states, and their syncs."""


class Signatures:
    """Everything that a key signs, over all lives of its machine."""

    def __init__(self) -> None:
        self.votes: dict[tuple[bytes, int, VotePhase], bytes] = {}
        self.proposals: dict[bytes, bytes] = {}

    async def run_blocking(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        limiter: trio.CapacityLimiter | None = None,
    ) -> Any:
        if getattr(function, "__name__", "") == "sign" and len(arguments) == 2:
            self._note(*arguments)
        return await work_on_the_spot(function, *arguments, limiter=limiter)

    def _note(self, message: bytes, context: bytes) -> None:
        if context == VOTE_CONTEXT:
            _, instance, kind, view, _, _ = VOTE.unpack(message)
            phase = VotePhase(kind)
            assert self.votes.setdefault((instance, view, phase), message) == message
            both = {(instance, view, each) for each in (VotePhase.COMMIT, VotePhase.CANCEL)}
            assert not both <= self.votes.keys(), "COMMIT and CANCEL of one view"
        elif context == PROPOSAL_CONTEXT:
            slot = message[:45]  # its head, the instance and the view
            assert self.proposals.setdefault(slot, message) == message


class Life:
    """One home, from its start with an empty chain through a loss of power to a later block."""

    def __init__(self, root: Path, seed: int, *, has_lanes: bool) -> None:
        self.root, self.seed = root, seed
        self.clusters = lane_cluster if has_lanes else cluster
        self.power, self.signatures = Power(seed), Signatures()
        self.final: dict[int, Hash32] = {}

    def cut_at(self, writes: int) -> bool:
        """Whether the power failed before the next epoch had begun; then it starts again."""
        has_failed = False
        with supplied_by(self.power):
            try:
                run_virtual(lambda: self._live(AFTER, writes), self.seed)
            except* PowerLost:
                has_failed = True
            self.power.spare(self.root)
            if has_failed:
                self.power.tear(self.root)
                run_virtual(lambda: self._live(LATER, None), self.seed)
        return has_failed

    async def _live(self, height: int, writes: int | None) -> None:
        machine = Machine(VirtualClock(), self.signatures.run_blocking)
        clusters: Any = self.clusters
        async with clusters(self.root, 1, epoch_blocks=EPOCH_BLOCKS, machine=machine) as net:
            node = await net.start(0)
            if writes is not None:
                await until(lambda: self._saw(node) >= BEFORE)
                self.power.fail_after(self.root, writes)
            await until(lambda: self._saw(node) >= height)

    def _saw(self, node: RunningNode) -> int:
        """What is final stays final, over all lives."""
        head = node.node.chain.head.head
        assert self.final.setdefault(head.height, head.id) == head.id
        for height, block_id in self.final.items():
            header = node.node.chain.blocks.header_at(height)
            assert header is not None
            assert header.id == block_id
        return head.height


@pytest.mark.parametrize("has_lanes", [False, True], ids=["one lane", "two lanes"])
@pytest.mark.parametrize("seed", [0, pytest.param(100, marks=pytest.mark.slow)])
def test_power_may_fail_at_any_write_around_an_edge(
    tmp_path: Path, seed: int, *, has_lanes: bool
) -> None:
    """The chain goes on in the next epoch, nothing final is lost, and nothing is signed twice."""
    writes = 0
    while Life(tmp_path / str(writes), seed + writes, has_lanes=has_lanes).cut_at(writes):
        writes += 1
    assert writes >= LEAST_WRITES
