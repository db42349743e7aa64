"""What a run owes after the network is whole: checkpoints and heights, at everybody."""

from typing import Protocol

from tests.simulation.lanes.checker import Checker, Violation
from tests.simulation.lanes.node import Node
from tests.simulation.lanes.scenario import Scenario

HEIGHTS_AFTER_HEALING = 10


class Living(Protocol):
    """What is seen of the world."""

    scenario: Scenario
    checker: Checker
    nodes: dict[int, Node]
    healed_at: int

    @property
    def now(self) -> int: ...
    @property
    def heal_ms(self) -> int: ...


def has_enough(world: Living) -> bool:
    """Every honest node is up and has as many checkpoints and heights as the scenario wants.

    Beyond the bound nothing grows any more: everybody has to halt.
    """
    if world.now <= world.heal_ms:
        return False
    if world.scenario.halves:
        return len(world.checker.aftermath.halted_at) == len(world.nodes)
    goal, height = world.healed_at + world.scenario.kind.checkpoints, HEIGHTS_AFTER_HEALING
    if world.healed_at:
        height += world.checker.decided[world.healed_at].block_height
    return all(
        node.is_up and node.state.number > goal and node.state.hard.height >= height
        for node in world.nodes.values()
    )


def require_life(world: Living) -> None:
    """In time, or somebody or everybody stands."""
    if not world.scenario.kind.must_live or has_enough(world):
        return
    states = sorted((node.state for node in world.nodes.values()), key=lambda state: state.number)
    heights = sorted(state.hard.height for state in states)
    stuck = states[0]
    term = stuck.terms[-1] if stuck.terms else None
    closed = term.closed.cause.name if term is not None and term.closed else "open"
    raise Violation(
        "LIVENESS",
        f"checkpoints {stuck.number} to {states[-1].number}, heights {heights[0]} to "
        f"{heights[-1]}, healed at {world.healed_at}, term {closed}, "
        f"ballot view {stuck.ballot.core.view}",
    )
