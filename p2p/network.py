"""The Network protocol: all that the node knows of other nodes, whatever carries the bytes."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias, TypeVar

import trio
from trio_typing import TaskStatus

from native.hashing import ZERO_HASH, Hash32
from p2p.errors import Penalty
from p2p.peers import PeerTable
from p2p.wire.messages import (
    AnyRequest,
    Gossiped,
    Pushed,
    Received,
    Request,
    Response,
    Status,
)

R = TypeVar("R")


class Audience(Enum):
    """Whom a message is pushed to: every peer, or those that proved a validator's key."""

    PEERS = "peers"
    VALIDATORS = "validators"


class Direction(Enum):
    """Who dialled."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class PeerView:
    """One connected peer, as of now. Heights, ids, `view` and `epoch` are what it claims."""

    peer_id: str
    address: str
    validator_key: bytes
    final_height: int
    final_id: Hash32
    view: int
    epoch: int
    rtt_ms: int
    """The round trip, rounded up; 0 before it was measured."""
    score: int
    direction: Direction
    agent: str
    anchor_id: Hash32 = ZERO_HASH


@dataclass(frozen=True, slots=True)
class Inbound:
    """A decoded message and the peer that sent it. Its shape is checked, nothing it claims is."""

    peer: str
    message: Received


@dataclass(frozen=True, slots=True)
class NetworkCounters:
    """Totals since the start, for metrics."""

    received: int = 0
    sent: int = 0
    dropped_inbound: int = 0
    dropped_outbound: int = 0
    malformed: int = 0
    over_quota: int = 0
    penalties: int = 0
    bans: int = 0
    requests_failed: int = 0
    restarts: int = 0


class GossipVerdict(Enum):
    """What becomes of a gossiped message."""

    ACCEPT = "accept"  # true and new: deliver it and pass it on
    IGNORE = "ignore"  # known, old, or not decidable yet: drop it, nobody is to blame
    REJECT = "reject"  # false: drop it and penalize whoever passed it on


DelayOf: TypeAlias = Callable[[str], float]
"""Seconds by which fault injection lengthens the way from a peer to us."""

RequestHandler: TypeAlias = Callable[[str, AnyRequest], Awaitable[Response]]
GossipCheck: TypeAlias = Callable[[str, Gossiped], Awaitable[GossipVerdict]]


def no_delay(_peer: str) -> float:
    """Every way is as long as it is."""
    return 0.0


class Asker(Protocol):
    """Whoever can ask a peer something."""

    async def request(self, peer: str, request: Request[R], timeout_s: float) -> R:
        """Ask one peer; RequestFailed if no well-formed answer of the right kind arrives."""


class Network(Asker, Protocol):
    """Connected, verified peers. No call but `run` and `request` waits, none but `request` raises.

    Every peer has exchanged hellos with us: same network id, same genesis hash, and a validator
    key, if it claims one, that is bound to its peer id by a signature.
    """

    standings: PeerTable
    """What is held against whom. Who starts anew in this process goes on with the same one, given
    before `run`."""

    @property
    def peer_id(self) -> str:
        """Our own peer id (base58)."""

    @property
    def address(self) -> str:
        """Where others dial us, with our peer id at the end."""

    @property
    def inbound(self) -> trio.MemoryReceiveChannel[Inbound]:
        """Pushed and gossiped messages, in order for each peer and stream. Bounded: when the
        reader is slow, announcements are dropped first, consensus messages last."""

    @property
    def counters(self) -> NetworkCounters:
        """Totals for metrics."""

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, dial and serve until cancelled; started once it listens."""

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        """Queue a message for an audience, or for whoever proved one of these keys; the number of
        peers it was queued for. When a peer's queue is full its oldest message goes."""

    def send(self, peer: str, message: Pushed) -> bool:
        """Queue a message for one peer; False if it is not connected."""

    def gossip(self, message: Gossiped) -> None:
        """Hand a message to the gossip mesh. What has gone through here lately goes no further."""

    def set_handler(self, handler: RequestHandler) -> None:
        """Who answers requests. Until it is set, peers' requests are refused."""

    def set_gossip_check(self, check: GossipCheck) -> None:
        """Who judges gossip before it is delivered and passed on. It runs once per content,
        however many copies arrive meanwhile. Until it is set, gossip is delivered, not relayed."""

    def set_status(self, status: Status) -> None:
        """What we say of ourselves in hellos and, when it changed, to our peers once a second."""

    def set_validators(self, keys: Collection[bytes]) -> None:
        """The keys that make a peer a validator: it is in Audience.VALIDATORS and is kept when
        connections are scarce. Until it is set, every key that a hello proves counts."""

    def set_blocked(self, peers: Collection[str]) -> None:
        """Fault injection: drop all traffic with these peers both ways, keep the connections."""

    def set_delays(self, delay_of: DelayOf) -> None:
        """Fault injection: whatever a peer sends takes so much longer to reach us, in order."""

    def connect(self, address: str) -> None:
        """Keep a connection to this address: dial it, and redial it forever. InvalidPeerAddress."""

    def penalize(self, peer: str, penalty: Penalty, reason: str) -> None:
        """Take points off a peer; at zero it is disconnected and banned for a while."""

    def peers(self) -> tuple[PeerView, ...]:
        """The connected peers."""
