"""Who has earned what trust: scores that recover, bans that expire; pure, bounded, by peer id.

Peers of one machine share an address, so only the peer id, which Noise proves, is ever judged.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from genesis.limits import PEER_STANDINGS_MAX
from p2p.errors import Penalty

FULL_SCORE: Final = 100
RECOVERY_MS: Final = 5_000  # one point back
FIRST_BAN_MS: Final = 30_000
LONGEST_BAN_MS: Final = 3_600_000
FORGIVEN_AFTER_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What we hold against one peer."""

    score: int = FULL_SCORE
    updated_ms: int = 0
    banned_until_ms: int = 0
    bans: int = 0
    reason: str = ""

    def at(self, now_ms: int) -> "Standing":
        """The same with the points that time gave back."""
        if now_ms - self.updated_ms >= FORGIVEN_AFTER_MS:
            return Standing(updated_ms=now_ms)
        points = max(0, now_ms - self.updated_ms) // RECOVERY_MS
        if points == 0:
            return self
        score = min(FULL_SCORE, self.score + points)
        return replace(self, score=score, updated_ms=self.updated_ms + points * RECOVERY_MS)


class PeerTable:
    """Standings by peer id. When full, the record that was touched longest ago is forgotten."""

    def __init__(self, max_records: int = PEER_STANDINGS_MAX) -> None:
        self._standings: OrderedDict[str, Standing] = OrderedDict()
        self._max_records = max_records

    def __len__(self) -> int:
        return len(self._standings)

    def score(self, peer: str, now_ms: int) -> int:
        """Between 0 and a hundred; strangers start with a hundred."""
        standing = self._standings.get(peer)
        return FULL_SCORE if standing is None else standing.at(now_ms).score

    def is_banned(self, peer: str, now_ms: int) -> bool:
        """Whether we refuse to talk to this peer now."""
        standing = self._standings.get(peer)
        return standing is not None and now_ms < standing.banned_until_ms

    def penalize(self, peer: str, penalty: Penalty, reason: str, now_ms: int) -> bool:
        """Take points off; True if that is a ban, which doubles with each repetition."""
        if self.is_banned(peer, now_ms):
            return False  # what was still on its way from a peer that is banned already
        before = self._standings.get(peer, Standing(updated_ms=now_ms)).at(now_ms)
        score = before.score - int(penalty)
        if score > 0:
            self._put(peer, replace(before, score=score, reason=reason))
            return False
        length_ms = min(LONGEST_BAN_MS, FIRST_BAN_MS << min(before.bans, 16))
        self._put(
            peer,
            Standing(
                score=FULL_SCORE // 2,
                updated_ms=now_ms + length_ms,
                banned_until_ms=now_ms + length_ms,
                bans=before.bans + 1,
                reason=reason,
            ),
        )
        return True

    def _put(self, peer: str, standing: Standing) -> None:
        self._standings[peer] = standing
        self._standings.move_to_end(peer)
        while len(self._standings) > self._max_records:
            self._standings.popitem(last=False)
