"""What peers bring of those whom they said to hear: who brings nothing is asked less."""

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

from consensus.votes import Lane

_SILENT_FOR: Final = 10  # patiences

Pair: TypeAlias = tuple[str, bytes]
"""A peer, and an author that we hear through it."""

Place: TypeAlias = tuple[int, int, int]
"""Term or checkpoint, view and phase of a vote."""


class Deliveries:
    """A true vote shows that a peer passes on, once: it must be of a later place than the last.

    What is not true shows nothing, so nothing is noted before it is verified. Most second copies
    never are, therefore one is wanted from each peer when half of the patience with it is over.
    """

    def __init__(self) -> None:
        self._since_s: dict[Pair, float] = {}
        self._last: dict[tuple[Pair, Lane], Place] = {}
        self._silent_until_s: dict[Pair, float] = {}

    @property
    def silent_until_s(self) -> Mapping[Pair, float]:
        """Who brought nothing for a patience, and until when that is held against it."""
        return self._silent_until_s

    def expect(self, pairs: Collection[Pair], now_s: float) -> None:
        """These are asked from now on, or still; of the others nothing is expected."""
        self._since_s = {pair: self._since_s.get(pair, now_s) for pair in pairs}
        self._last = {key: place for key, place in self._last.items() if key[0] in self._since_s}

    def doubts(self, pair: Pair, lane: Lane, place: Place, now_s: float, patience_s: float) -> bool:
        """Whether a vote is worth verifying only to learn that its sender passes on."""
        since_s = self._since_s.get(pair)
        if since_s is None or 2 * (now_s - since_s) < patience_s:
            return False
        return self._is_later(pair, lane, place)

    def brought(self, pair: Pair, lane: Lane, place: Place, now_s: float) -> None:
        """A true vote came."""
        if pair in self._since_s and self._is_later(pair, lane, place):
            self._since_s[pair] = now_s
            self._last[pair, lane] = place
            self._silent_until_s.pop(pair, None)

    def review(self, peers: Collection[str], now_s: float, patience_s: float) -> bool:
        """Hold their silence against some, and forgive others; whether there are new ones."""
        for pair, until_s in tuple(self._silent_until_s.items()):
            if until_s <= now_s or pair[0] not in peers:
                del self._silent_until_s[pair]
        silent = [pair for pair, at_s in self._since_s.items() if now_s - at_s > patience_s]
        for pair in silent:
            self._silent_until_s[pair] = now_s + _SILENT_FOR * patience_s
            self._since_s[pair] = now_s
        return bool(silent)

    def _is_later(self, pair: Pair, lane: Lane, place: Place) -> bool:
        return place > self._last.get((pair, lane), (0, 0, 0))
