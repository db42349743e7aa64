"""Bounded memory of a whole node: its books and queues hold no more than their limits say."""

from collections.abc import Iterator
from typing import Final

import trio

from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from aichain.node.pool import TransactionPool
from aichain.node.verifier import Verifier
from consensus.core.state import State
from consensus.lanes.state import Lanes
from genesis import limits
from tests.simulation.nodes.violation import Violation

LOOK_S: Final = 1.0
TERMS_MAX: Final = 2

Row = tuple[str, int, int]
"""What it is, how much it holds, how much it may."""


async def watch_bounds(index: int, node: Node | LaneNode) -> None:
    """Now and then until cancelled."""
    while True:
        await trio.sleep(LOOK_S)
        require_bounded(index, node)


def require_bounded(index: int, node: Node | LaneNode) -> None:
    """All of them at once."""
    for what, size, most in rows(node):
        if size > most:
            raise Violation(f"bounds: node {index} holds {size} {what}, may hold {most}")


def rows(node: Node | LaneNode) -> Iterator[Row]:
    """Every book and queue that others can fill."""
    above, services = node.chain._above, node.services
    yield "proofs for who asks", len(node.engine.evidence), limits.EVIDENCE_KEPT_MAX
    yield "executed blocks", len(above.entries()), limits.UNFINALIZED_BLOCKS
    yield "evicted blocks", len(above._evicted), limits.EVICTED_BLOCKS_MAX
    yield "candidates", len(services.bodies._candidates), limits.CANDIDATE_BLOCKS_MAX
    yield "own blocks", len(services.producer._contents), limits.CANDIDATE_BLOCKS_MAX
    yield from _of_pool(node.pool)
    yield from _of_verifier(node.context.verifier)
    if isinstance(node, LaneNode):
        yield "instances", len(node.services.instances._by_id), limits.INSTANCES_REMEMBERED_MAX
        yield "relayed slots", len(node.services.relay._passed), limits.RELAYED_SLOTS_MAX
        watch = node.services.certificates._fork_watch
        yield "questions about forks", len(watch._asked), limits.FORK_QUESTIONS_REMEMBERED
        yield "peers asked about forks", len(watch._asking), limits.FORK_QUESTIONS_AT_ONCE
        yield "decisions that peers told of", len(watch._told), limits.FORK_QUESTIONS_AT_ONCE
        yield "our ids", len(watch._ours._known), limits.FORK_QUESTIONS_REMEMBERED
        yield "decisions that lead elsewhere", len(watch._shown), limits.FORK_QUESTIONS_AT_ONCE
        yield "peers that are ahead", len(watch._ahead), limits.PEERS_MAX
        yield "peers at one with us", len(watch._at_one), limits.PEERS_MAX
        yield from _of_lanes(node.engine.state)
    else:
        fork_watch = node.inbound._fork_watch
        yield "questions about forks", len(fork_watch._asked), limits.FORK_QUESTIONS_REMEMBERED
        yield "our ids", len(fork_watch._ours._known), limits.FORK_QUESTIONS_REMEMBERED
        yield from _of_core(node.engine.state)


def _of_pool(pool: TransactionPool) -> Iterator[Row]:
    mempool, announcer = pool.mempool, pool._announcer
    yield "bytes in the pool", mempool.stats.size_bytes, limits.MEMPOOL_BYTES
    yield "weight in the pool", mempool.stats.weight, mempool._max_weight
    yield "rejected transactions", len(mempool._rejected), limits.MEMPOOL_REJECT_CACHE
    yield "included transactions", len(mempool._included), limits.MEMPOOL_INCLUDED_CACHE
    yield "bytes lately final", pool._recent.size_bytes, limits.RECENT_TRANSACTIONS_BYTES
    yield "accusations", len(pool.accusations._held), limits.ACCUSATIONS_MAX
    yield "announcing peers", len(announcer._known_by), limits.PEERS_MAX
    for known in announcer._known_by.values():
        yield "ids that a peer knows", len(known), limits.KNOWN_TRANSACTIONS_PER_PEER
    for queue in pool._fetcher._queues.values():
        yield "ids to ask a peer for", len(queue), limits.FETCHING_TRANSACTIONS_PER_PEER


def _of_verifier(verifier: Verifier) -> Iterator[Row]:
    """Whoever finds room comes in with all that it has."""
    lanes = (verifier._consensus, verifier._blocks, verifier._bulk)
    for lane in (*lanes, verifier._confirm, verifier._confirm_bulk):
        last = len(lane._waiting[-1].items) if lane._waiting else 0
        yield "signatures to verify", lane._waiting_items - last, limits.VERIFY_QUEUE_ITEMS


def _of_core(state: State) -> Iterator[Row]:
    yield "blocks of the core", len(state.blocks), limits.CORE_BLOCKS_MAX
    yield "wanted blocks", len(state.wanted), limits.CORE_BLOCKS_MAX
    yield "views ahead", max(state.views, default=0) - state.view, limits.VIEWS_AHEAD_MAX


def _of_lanes(state: Lanes) -> Iterator[Row]:
    yield "terms", len(state.terms), TERMS_MAX
    yield "blocks of the lanes", len(state.tree.blocks), limits.CORE_BLOCKS_MAX
    yield "checkpoints", len(state.ballot.checkpoints), limits.CHECKPOINTS_KNOWN_MAX
    for term in state.terms:
        yield "certificates that wait", len(term.pending), limits.TERM_CERTIFICATES_MAX
