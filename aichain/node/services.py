"""Starts the services of an assembled node in their order, in a nursery of the caller."""

import logging
from collections.abc import Callable
from typing import TypeAlias

import trio

from aichain.errors import ListenRefused
from aichain.node.assemble import Node
from aichain.node.heartbeats import Headquarters, HeartbeatSender
from aichain.node.joiner import ChainReady, Handover, tree_of
from aichain.node.lanes.assemble import LaneNode
from aichain.rpc.webhooks.sender import WebhookSender

log = logging.getLogger(__name__)


AnyNode: TypeAlias = Node | LaneNode


def heartbeats_of(node: AnyNode) -> HeartbeatSender:
    """Of a node that was told where its headquarters are."""
    config = node.config
    return HeartbeatSender(
        Headquarters(config.fleet_hq, config.fleet_token),
        config.node_seed,
        config.home,
        lambda: node.chain.head.head.height,
        node.context.clock,
    )


def webhooks_of(node: AnyNode) -> WebhookSender:
    """Of a node that was given a file of them."""
    config, context = node.config, node.context
    backend = node.rpc.context.backend
    return WebhookSender(config.webhooks, config.home, backend, context.metrics, context.clock)


async def run_services(
    node: AnyNode, *, ready: Callable[[], None], started: Callable[[], None]
) -> Handover:
    """Until cancelled, or until another chain lies ready in the place of this one: then return
    what the node passes on that starts anew on it.

    `ready` is called before anything listens, `started` when all of it does.
    """
    handover: Handover | None = None
    try:
        ready()
        try:
            async with trio.open_nursery() as nursery:
                await start_services(node, nursery)
                started()
        except* ChainReady as group:
            log.info("the snapshot is complete: going on from it")
            handover = Handover(tree_of(group), node.context.network.standings)
    finally:
        node.feed.close()
        node.engine.votes.close()
        node.pool.pooled.close()
        node.close()
    assert handover is not None, "services end by an exception only"
    return handover


async def start_services(node: AnyNode, nursery: trio.Nursery) -> None:
    """Verifier, network, engine, inbound, pool, syncer, RPC: each may need those before it."""
    if node.chain.recovery_note:
        log.warning("recovered: %s", node.chain.recovery_note)
    nursery.start_soon(node.context.verifier.run)
    node.finalizer.announce_status()
    await nursery.start(node.context.network.run)
    await nursery.start(node.decide)
    nursery.start_soon(node.inbound.run)
    nursery.start_soon(node.pool.run)
    nursery.start_soon(node.syncer.run)
    nursery.start_soon(node.finalizer.run)
    nursery.start_soon(node.syncer.fork_watch.run)
    nursery.start_soon(node.history.run)
    if node.probation is not None:
        nursery.start_soon(node.probation.run, node.config.vouch_for_vote_log)
    if node.accuser is not None:
        nursery.start_soon(node.accuser.run)
    if node.renewer is not None:
        nursery.start_soon(node.renewer.run)
    try:
        await nursery.start(node.rpc.run)
    except OSError as error:
        raise ListenRefused(address=str(node.config.rpc_listen), reason=str(error)) from error
    if node.config.webhooks:
        nursery.start_soon(webhooks_of(node).run)
    if node.config.fleet_hq:
        nursery.start_soon(heartbeats_of(node).run)
