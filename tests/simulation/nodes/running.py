"""A node while its process lives."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from aichain.errors import StoreCorrupt
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode


@dataclass(slots=True)
class Running:
    """A node of a run, how it is built anew, and whether it has ended."""

    node: Node | LaneNode
    build: Callable[..., Node | LaneNode]
    scope: trio.CancelScope
    stopped: trio.Event
    is_up: bool = False
    damage: StoreCorrupt | None = None
    """What it ended with, where bits change on disks."""
