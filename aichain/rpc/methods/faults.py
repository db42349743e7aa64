"""Fault injection for local networks under test; never registered on a node that did not ask."""

from typing import Annotated

from msgspec import Meta

from aichain.rpc.registry import Context, Params, method
from aichain.rpc.results.node import BlockedPeers, Regions
from genesis.limits import RPC_BLOCKED_PEERS_MAX
from native.node_keys import PEER_ID_MAX_CHARS, parse_peer_id

PeerIdText = Annotated[str, Meta(max_length=PEER_ID_MAX_CHARS)]


class SetBlockedPeers(Params, frozen=True):
    peer_ids: Annotated[list[PeerIdText], Meta(max_length=RPC_BLOCKED_PEERS_MAX)]


class SetRegions(Params, frozen=True):
    on: bool


async def set_blocked_peers(context: Context, params: SetBlockedPeers) -> BlockedPeers:
    """Drop all traffic with these peers until the next call; an empty list heals."""
    for peer_id in params.peer_ids:
        parse_peer_id(peer_id)
    context.backend.set_blocked_peers(frozenset(params.peer_ids))
    return BlockedPeers(blocked=sorted(set(params.peer_ids)))


async def set_regions(context: Context, params: SetRegions) -> Regions:
    """Let peers be as far away as the cloud regions that they stand in, or end that."""
    context.backend.set_regions(params.on)
    return Regions(regions=params.on)


METHODS = (
    method("aichain_setBlockedPeers", SetBlockedPeers, set_blocked_peers),
    method("aichain_setRegions", SetRegions, set_regions),
)
