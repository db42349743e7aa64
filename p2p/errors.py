"""What goes wrong between peers: misbehaviour with its price, requests without an answer."""

from dataclasses import dataclass
from enum import IntEnum

from native.errors import AIChainError, InvalidData


class Penalty(IntEnum):
    """Points off a peer's hundred; at zero it is banned for a while."""

    NUISANCE = 2  # too much, too late, not wanted
    MALFORMED = 25  # bytes that no honest node sends
    FORGED = 100  # a signature, certificate or block that does not hold: banned at once


@dataclass(eq=False)
class PeerMisbehaved(InvalidData):
    """A peer did what no honest peer does."""

    penalty: Penalty
    reason: str


@dataclass(eq=False)
class RequestFailed(AIChainError):
    """A request that brought no usable answer: not connected, too slow, refused, or nonsense."""

    peer: str
    reason: str


@dataclass(eq=False)
class PeerPruned(RequestFailed):
    """The peer keeps blocks from `first_height` on, and older ones were asked for."""

    first_height: int


@dataclass(eq=False)
class InvalidPeerAddress(InvalidData):
    """Text that is not an address one can dial."""

    address: str
    reason: str


@dataclass(eq=False)
class ListenFailed(AIChainError):
    """The listening address is taken or not ours."""

    address: str
    reason: str
