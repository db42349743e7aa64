"""Round-trip times between eight cloud regions, for emulating a network across the world."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from native.node_keys import parse_peer_id
from p2p.network import DelayOf


class Region(IntEnum):
    """Where a node stands in."""

    VIRGINIA = 0
    OREGON = 1
    IRELAND = 2
    FRANKFURT = 3
    TOKYO = 4
    SINGAPORE = 5
    SAO_PAULO = 6
    MUMBAI = 7


_ROUND_TRIPS_MS: Final = (
    (1, 65, 70, 92, 150, 215, 115, 190),
    (65, 1, 130, 150, 100, 165, 180, 220),
    (70, 130, 1, 25, 205, 175, 180, 125),
    (92, 150, 25, 1, 225, 160, 205, 115),
    (150, 100, 205, 225, 1, 70, 260, 125),
    (215, 165, 175, 160, 70, 1, 320, 60),
    (115, 180, 180, 205, 260, 320, 1, 300),
    (190, 220, 125, 115, 125, 60, 300, 1),
)
"""Milliseconds between regions, rounded magnitudes of public clouds. 1 within a region."""


def round_trip_ms(first: Region, second: Region) -> int:
    """The time of a question and its answer, without anybody's work."""
    return _ROUND_TRIPS_MS[first][second]


def region_of(index: int) -> Region:
    """Nodes of a local network stand in the regions by turns."""
    return Region(index % len(Region))


def region_of_peer(peer: str, founders: Sequence[str]) -> Region:
    """Where a peer stands, as every node says alike: founders by turns, others by their id."""
    if peer in founders:
        return region_of(founders.index(peer))
    return region_of(parse_peer_id(peer)[-1])


def delays_between(own: str, founders: Sequence[str]) -> DelayOf:
    """The way from each peer to us: half of the round trip between the two regions."""
    here = region_of_peer(own, founders)

    def delay_of(peer: str) -> float:
        return round_trip_ms(here, region_of_peer(peer, founders)) / 2000

    return delay_of
