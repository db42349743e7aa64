"""A fake node, empty or with a little history."""

import pytest

from tests.unit.aichain.rpc.calling import Node


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def history(node: Node) -> Node:
    """Block 1 empty, block 2 with a transfer and a failure, block 3 empty."""
    node.backend.extend()
    node.backend.extend([node.backend.transfer(), node.backend.failing()])
    node.backend.extend()
    return node
