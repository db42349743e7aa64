"""`aichain_heartbeat`: what the headquarters of a fleet take from its nodes, and show."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta

from aichain.fleet.heartbeat import SignedHeartbeat, admit, read_heartbeat
from aichain.rpc.registry import Context, Method, NoParams, Params, method
from aichain.rpc.results.result import Hex
from genesis.limits import HEARTBEAT_MAX_BYTES


class Sent(Params, frozen=True):
    heartbeat: Annotated[
        str, Meta(pattern=r"\A0x([0-9a-fA-F]{2})*\Z", max_length=2 * HEARTBEAT_MAX_BYTES + 2)
    ]


class HeartbeatDesk:
    """The last heartbeat of each node of a registry: in memory, for the next one comes soon."""

    def __init__(self, peer_ids: Iterable[bytes]) -> None:
        self._known: Mapping[bytes, SignedHeartbeat | None] = dict.fromkeys(peer_ids)

    def take(self, raw: bytes, now_ms: int) -> None:
        """Raises InvalidData for what is no heartbeat, not of these nodes, late, or repeated."""
        self._known = admit(self._known, read_heartbeat(raw), now_ms)

    @property
    def last(self) -> list[bytes]:
        """As they came: whoever reads them verifies them anew, and need not believe us."""
        return [signed.raw for signed in self._known.values() if signed is not None]


def heartbeat_methods(desk: HeartbeatDesk) -> tuple[Method, ...]:
    """What a node serves that is the headquarters of a fleet."""

    async def heartbeat(context: Context, params: Sent) -> bool:
        """Take a node's signed heartbeat."""
        desk.take(bytes.fromhex(params.heartbeat[2:]), context.clock.now_ms())
        return True

    async def heartbeats(_: Context, __: NoParams) -> list[Hex]:
        """The last heartbeat of each node of the fleet, as it came."""
        return ["0x" + raw.hex() for raw in desk.last]

    return (
        method("aichain_heartbeat", Sent, heartbeat),
        method("aichain_heartbeats", NoParams, heartbeats),
    )
