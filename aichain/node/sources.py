"""Whom to ask: peers that fail to deliver wait their turn out, and the rest take turns."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

import trio

from genesis.limits import UNRELIABLE_PEERS_MAX
from p2p.network import Network, PeerView

log = logging.getLogger(__name__)

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


class BlockSources:
    """Which peers have final blocks: by what they say, and by what they gave when asked."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._unreliable = Unreliable()
        self._kept_from: dict[str, int] = {}
        self._lacking = 0
        self.is_lacking = False
        """None of those who are further on has the block that was sought last any more."""

    @property
    def target_height(self) -> int:
        """The highest final height that a reliable peer claims; 0 without peers."""
        now_ms = steady_ms()
        peers = self._network.peers()
        out = self._unreliable.is_out
        return max((p.final_height for p in peers if not out(p.peer_id, now_ms)), default=0)

    def claims(self) -> dict[str, int]:
        """What our peers say of their final heights, the best sources first.

        Whoever did not give what it claims to have is not believed for a while.
        """
        now_ms = steady_ms()
        peers = sorted(self._network.peers(), key=lambda peer: (-peer.score, peer.rtt_ms))
        return {
            peer.peer_id: peer.final_height
            for peer in peers
            if not self._unreliable.is_out(peer.peer_id, now_ms)
        }

    def of_block(self, height: int) -> dict[str, int]:
        """The claims of those that may still have a block: peers prune what is old."""
        claims = {peer: has for peer, has in self.claims().items() if has >= height}
        able = {peer: claims[peer] for peer in claims if self._kept_from.get(peer, 0) <= height}
        self.is_lacking = bool(claims) and not able
        if self.is_lacking and self._lacking != height:
            self._lacking = height
            oldest = min(self._kept_from[peer] for peer in claims)
            log.error("no peer keeps block %d, the oldest one they have is %d", height, oldest)
            log.error(
                "fix: this node needs a snapshot: start it with --sync snapshot (and --trust "
                "HEIGHT:HASH where its last block is old), or give a node that keeps everything "
                "with --bootstrap"
            )
        return able

    def pruned(self, peer: str, first_height: int) -> None:
        """A peer keeps blocks from this height on."""
        self._kept_from[peer] = first_height
        while len(self._kept_from) > UNRELIABLE_PEERS_MAX:
            del self._kept_from[next(iter(self._kept_from))]

    def failed(self, peer: str) -> None:
        """It did not give what it claims to have."""
        self._unreliable.failed(peer, steady_ms())

    def delivered(self, peer: str) -> None:
        """What it gave became ours."""
        self._unreliable.delivered(peer)


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
