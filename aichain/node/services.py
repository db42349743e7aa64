"""Starts the services of an assembled node in their order, in a nursery of the caller."""

import logging

import trio

from aichain.errors import ListenRefused
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode

log = logging.getLogger(__name__)


async def start_services(node: Node | LaneNode, nursery: trio.Nursery) -> None:
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
    nursery.start_soon(node.pruner.run)
    if node.probation is not None:
        nursery.start_soon(node.probation.run, node.config.vouch_for_vote_log)
    if node.renewer is not None:
        nursery.start_soon(node.renewer.run)
    try:
        await nursery.start(node.rpc.run)
    except OSError as error:
        raise ListenRefused(address=str(node.config.rpc_listen), reason=str(error)) from error
