"""Every second each node lays its decisions beside those of one peer, as a shell does."""

import random
from typing import Protocol

from consensus.lanes.events import HardForkProven
from consensus.lanes.forks import first_fork
from consensus.lanes.messages import Decision
from tests.simulation.lanes.links import Clock
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import TICK_MS, Scenario

COMPARED_EVERY_MS = 1_000


class Neighbourhood(Protocol):
    """Who can be asked, and when."""

    scenario: Scenario
    clock: Clock
    nodes: dict[int, Node]

    def reachable(self, node: Node) -> list[Node]: ...


class Comparing:
    """Draws by itself, so that whatever else is drawn does not depend on it."""

    def __init__(self, world: Neighbourhood) -> None:
        self._world = world
        self._rng = random.Random(f"compare {world.scenario.name} {world.scenario.seed}")

    def start(self) -> None:
        """Everybody who is up; and again, as long as the run lasts."""
        for node in self._world.nodes.values():
            others = [other for other in self._world.reachable(node) if other is not node]
            if node.is_up and others:
                self._compare(node, self._rng.choice(others))
        clock = self._world.clock
        clock.at(clock.now + COMPARED_EVERY_MS, self.start)

    def _compare(self, node: Node, other: Node) -> None:
        fork = first_fork(_decisions(node), _decisions(other))
        if fork is not None:
            final = fork.certificate
            node.later(TICK_MS, lambda: node.handle(HardForkProven(final, node.now_ms)))


def _decisions(node: Node) -> list[Decision]:
    return [Decision(*held) for _, held in sorted(node.disk.decisions.items())]
