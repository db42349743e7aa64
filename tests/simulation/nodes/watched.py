"""The network of a run: its weather, and what the checker sees of honest nodes."""

from p2p.errors import Penalty
from p2p.memory_links import EqualLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience
from p2p.settings import NodeIdentity
from p2p.wire.encoding import decode_gossip
from p2p.wire.messages import Gossiped, Pushed
from tests.simulation.nodes.checkers import Checker
from tests.simulation.nodes.evil_producer import BadBlockBook
from tests.simulation.nodes.plan import CALM


class Links(EqualLinks):
    """Weather, and links that are deaf in one direction."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, CALM)
        self.mute: set[tuple[str, str]] = set()

    def loses(self, sender: str, receiver: str) -> bool:
        return super().loses(sender, receiver) or (sender, receiver) in self.mute


class WatchedNetwork(MemoryNetwork):
    """Shows the checker what an honest node signs."""

    def __init__(
        self,
        hub: MemoryHub,
        identity: NodeIdentity,
        checker: Checker,
        index: int,
        honest: dict[str, int],
        bad_blocks: BadBlockBook,
    ) -> None:
        super().__init__(hub, identity)
        self._checker, self._index, self._honest = checker, index, honest
        self._bad_blocks = bad_blocks
        key = identity.validator_key
        self._key = b"" if key is None else key.public_key

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        self._checker.on_sent(self._index, message, self._key)
        return super().push(message, to)

    def gossip(self, message: Gossiped) -> None:
        self._checker.on_gossiped(self._index, message, self._key)
        super().gossip(message)

    def _relay(self, payload: bytes) -> None:
        self._checker.lanes.on_relayed(self._index, decode_gossip(payload))
        super()._relay(payload)

    def penalize(self, peer: str, penalty: Penalty, reason: str) -> None:
        if penalty is not Penalty.NUISANCE and peer in self._honest:
            self._checker.on_penalized(self._index, self._honest[peer], reason)
        elif penalty is not Penalty.NUISANCE:
            self._bad_blocks.on_charged(self._index, reason)
        super().penalize(peer, penalty, reason)
