"""Through whom we hear those we are not connected to: pure, from what our peers say they hear.

A route leads to peers that are nearer to the author than we are, so what flows down never comes
back: the links that routes use have no cycle.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from genesis.limits import RELAY_HOPS_MAX, RELAY_ROUTES

Hops = Mapping[bytes, int]
"""By validator key: 1 where one is connected to it, one more for each relay between."""

_NOWHERE: Final = RELAY_HOPS_MAX + 1


@dataclass(frozen=True, slots=True)
class Route:
    """The peers that we ask for what one validator signs, and how far away it is through them."""

    peers: tuple[str, ...]
    hops: int


def plan_routes(
    missing: Iterable[bytes],
    heard_by: Mapping[str, Hops],
    before: Mapping[bytes, Route],
    silent_until_s: Mapping[tuple[str, bytes], float],
) -> dict[bytes, Route]:
    """A route to each validator in `missing` that some peer hears.

    Of the nearest peers those stay that were asked before, then those come that have least to do.
    A peer through which an author was silent is asked only if nobody else hears that author: it
    may claim what it likes. Where all were silent each has its turn, one after the other.
    """
    load: Counter[str] = Counter()
    routes = {}
    for author in missing:
        distances = {peer: hops.get(author, _NOWHERE) for peer, hops in heard_by.items()}
        known = {peer: hops for peer, hops in distances.items() if hops < RELAY_HOPS_MAX}
        if not known:
            continue
        silent = {peer: silent_until_s.get((peer, author), 0.0) for peer in known}
        candidates = {peer: hops for peer, hops in known.items() if not silent[peer]}
        if not candidates:
            first = min(known, key=lambda peer: (silent[peer], peer))
            candidates = {first: known[first]}
        nearest = min(candidates.values())
        last = before.get(author)
        asked = () if last is None else last.peers
        ordered = sorted(
            (peer for peer, hops in candidates.items() if hops == nearest),
            key=lambda peer: (peer not in asked, load[peer], peer),
        )
        chosen = tuple(ordered[:RELAY_ROUTES])
        load.update(chosen)
        routes[author] = Route(chosen, nearest + 1)
    return routes


def hops_to_tell(
    peer: str, connected: Iterable[bytes], routes: Mapping[bytes, Route]
) -> dict[bytes, int]:
    """What we say to `peer` of whom we hear. What we hear through it alone is no news to it."""
    told = dict.fromkeys(connected, 1)
    for author, route in routes.items():
        if route.peers != (peer,):
            told[author] = route.hops
    return told
