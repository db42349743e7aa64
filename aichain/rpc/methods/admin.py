"""`admin_*`: what changes a running node, served on the unix socket of its home alone."""

from typing import Annotated

from msgspec import Meta

from aichain.logs import LogLevel, set_log_level
from aichain.rpc.errors import InvalidParams
from aichain.rpc.registry import Context, NoParams, Params, method
from genesis.limits import ADDRESS_MAX_BYTES
from native.node_keys import PEER_ID_MAX_CHARS, parse_peer_id

_MODULE_MAX_CHARS = 128


class Loudness(Params, frozen=True):
    level: LogLevel
    module: Annotated[str, Meta(max_length=_MODULE_MAX_CHARS)] | None = None


class PeerAddress(Params, frozen=True):
    address: Annotated[str, Meta(max_length=ADDRESS_MAX_BYTES)]


class PeerName(Params, frozen=True):
    peer_id: Annotated[str, Meta(max_length=PEER_ID_MAX_CHARS)]


async def set_level(_: Context, params: Loudness) -> bool:
    """Set the log's level, of one module ("p2p", "aichain.node.syncer") or of all."""
    if not set_log_level(params.level, params.module):
        raise InvalidParams(reason=f"no module of this program is called {params.module}")
    return True


async def connect_peer(context: Context, params: PeerAddress) -> bool:
    """Dial a peer, and again whenever it is lost, until the node stops."""
    context.backend.connect_peer(params.address)
    return True


async def ban_peer(context: Context, params: PeerName) -> bool:
    """End the connection to a peer and refuse it for a while."""
    parse_peer_id(params.peer_id)
    context.backend.ban_peer(params.peer_id)
    return True


async def stop(context: Context, _: NoParams) -> bool:
    """Stop the node, as SIGTERM does; it answers first."""
    context.backend.stop()
    return True


METHODS = (
    method("admin_setLogLevel", Loudness, set_level),
    method("admin_connectPeer", PeerAddress, connect_peer),
    method("admin_banPeer", PeerName, ban_peer),
    method("admin_stop", NoParams, stop),
)
