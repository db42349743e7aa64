"""The peers of this node, and how far away they are."""

from aichain.explorer.drawings import (
    MAP_HEIGHT,
    MAP_RINGS_MS,
    MAP_WIDTH,
    peer_places,
    ring_radius,
)
from aichain.explorer.visit import Page, Visit
from aichain.rpc.methods.aichain import get_peers, get_status
from aichain.rpc.registry import NoParams
from genesis.units import address_of_key, format_address

_DRAWN_PEERS = 64


async def network(visit: Visit) -> Page:
    """Nearest first; who has a validator's key is named by it."""
    status = get_status(visit.context, NoParams())
    peers = sorted(get_peers(visit.context, NoParams()), key=lambda peer: peer.rtt_ms)
    addresses = [
        None
        if peer.validator_key is None
        else format_address(address_of_key(bytes.fromhex(peer.validator_key[2:])))
        for peer in peers
    ]
    drawn = peers[:_DRAWN_PEERS]
    places = peer_places([peer.rtt_ms for peer in drawn])
    return Page(
        template="network.html",
        title="Network",
        results={"aichain_peers": peers, "aichain_status": status},
        values={
            "status": status,
            "peers": list(zip(peers, addresses, strict=True)),
            "drawn": list(zip(drawn, addresses, places, strict=False)),
            "rings": [(each, ring_radius(each)) for each in MAP_RINGS_MS],
            "map": (MAP_WIDTH, MAP_HEIGHT),
        },
    )
