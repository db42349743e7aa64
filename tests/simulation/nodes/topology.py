"""Who is connected to whom where every node has room for a few peers only."""

import random
from collections.abc import Sequence

from aichain.config import NodeConfig
from aichain.node.first_log import write_first_log
from native.hashing import Hash32, derive_hash


def node_seed(index: int) -> Hash32:
    """What makes the peer id of a node."""
    return derive_hash("aichain/test/node", bytes([index]))


def draw_links(rng: random.Random, nodes: Sequence[str], most: int) -> frozenset[tuple[str, str]]:
    """Links in both directions: a ring in a drawn order, so that all hang together, then any
    between two that have room left."""
    order = list(nodes)
    rng.shuffle(order)
    links = {frozenset(pair) for pair in zip(order, order[1:] + order[:1], strict=True)}
    room = dict.fromkeys(order, most - 2)
    pairs = [frozenset((one, other)) for one in order for other in order if one < other]
    rng.shuffle(pairs)
    for pair in pairs:
        if pair not in links and all(room[node] for node in pair):
            links.add(pair)
            room.update({node: room[node] - 1 for node in pair})
    return frozenset((one, other) for one, other in map(tuple, links)) | frozenset(
        (other, one) for one, other in map(tuple, links)
    )


def begin_log(config: NodeConfig) -> None:
    """As localnet does for a chain that it makes: with few peers nobody meets a quorum."""
    if config.validator_key is not None:
        write_first_log(config.data_dir, config.document, config.validator_key.public_key)
