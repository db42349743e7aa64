"""Whom to ask: peers that fail to deliver wait their turn out, and the rest take turns."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

import trio

from genesis.limits import UNRELIABLE_PEERS_MAX
from p2p.network import PeerView

FIRST_WAIT_MS = 2_000
LONGEST_WAIT_MS = 600_000


class Unreliable:
    """Peers that lately did not deliver. Each failure in a row doubles the time out.

    Its owners count time with `steady_ms`. When full, the oldest entry is forgotten.
    """

    def __init__(self, max_peers: int = UNRELIABLE_PEERS_MAX) -> None:
        self._max_peers = max_peers
        self._peers: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._peers)

    def failed(self, peer: str, now_ms: int) -> None:
        """It did not give what it should have; one failure counts once while the peer is out."""
        failures, until_ms = self._peers.get(peer, (0, now_ms))
        if now_ms < until_ms:
            return
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(failures, 16))
        self._peers[peer] = failures + 1, now_ms + wait_ms
        self._peers.move_to_end(peer)
        while len(self._peers) > self._max_peers:
            self._peers.popitem(last=False)

    def delivered(self, peer: str) -> None:
        """It gave what it should: nothing is held against it."""
        self._peers.pop(peer, None)

    def is_out(self, peer: str, now_ms: int) -> bool:
        """Whether we leave it alone now."""
        return now_ms < self._peers.get(peer, (0, now_ms))[1]


class Rotation:
    """The order in which to ask peers for one thing: another one first each time."""

    def __init__(self, validator_keys: Callable[[], Collection[bytes]]) -> None:
        self._validator_keys = validator_keys
        self._turn = 0
        self.unreliable = Unreliable()

    def order(self, peers: Sequence[PeerView], now_ms: int, first: str | None = None) -> list[str]:
        """`first` leads if it is there; then validators; whoever just failed comes last."""
        self._turn += 1
        start = self._turn % len(peers) if peers else 0
        turned = [*peers[start:], *peers[:start]]
        validators = self._validator_keys()
        turned.sort(
            key=lambda peer: (
                self.unreliable.is_out(peer.peer_id, now_ms),
                peer.peer_id != first,
                peer.validator_key not in validators,
            )
        )
        return [peer.peer_id for peer in turned]


def steady_ms() -> int:
    """Milliseconds of the loop's clock, which nobody sets back."""
    return int(trio.current_time() * 1000)
