"""A peer that says what it likes, and a one-validator chain for it to lie to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from genesis.networks import founder_key
from native.hashing import derive_hash
from native.signatures import SigningKey
from p2p.memory_network import MemoryNetwork
from p2p.settings import NodeIdentity
from p2p.wire.messages import AnyRequest, Response, Transactions
from tests.integration.nodes import AnyCluster, Cluster, N, Running, RunningNode, cluster, until


class Liar:
    """A peer that says what it likes; with `key` it proves to be a validator."""

    def __init__(self, net: AnyCluster[N], name: str = "", key: SigningKey | None = None) -> None:
        identity = NodeIdentity(
            network_id=net.document.network_id,
            genesis_hash=net.document.hash,
            node_seed=derive_hash("aichain/test/liar", name.encode()),
            validator_key=key,
        )
        self.network: MemoryNetwork = net.hub.join(identity)
        self.answers: list[Response] = []
        self.asked: list[AnyRequest] = []
        self.silent = False
        self.network.set_handler(self._answer)

    async def _answer(self, _peer: str, request: AnyRequest) -> Response:
        self.asked.append(request)
        if self.silent:
            await trio.sleep_forever()
        return self.answers[0] if self.answers else Transactions(())

    def is_banned_by(self, running: Running[N]) -> bool:
        """The victim has cut the connection."""
        peers = running.node.context.network.peers()
        return all(peer.peer_id != self.network.peer_id for peer in peers)

    def score_at(self, running: Running[N]) -> int:
        """What the victim thinks of it; 0 when it is banned."""
        peers = running.node.context.network.peers()
        scores = [peer.score for peer in peers if peer.peer_id == self.network.peer_id]
        return scores[0] if scores else 0


async def join_liar(net: AnyCluster[N], key: SigningKey | None = None, name: str = "") -> Liar:
    """Let one into the cluster."""
    liar = Liar(net, name, key)
    await net.nursery.start(liar.network.run)
    return liar


@asynccontextmanager
async def lied_to(
    tmp_path: Path, *, stranger: bool = False
) -> AsyncIterator[tuple[Cluster, RunningNode, Liar]]:
    """One validator that is the whole chain, and a liar connected to it.

    The liar holds the validator's key unless it is a stranger: only validators are listened to
    on the consensus stream.
    """
    async with cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        liar = await join_liar(net, None if stranger else founder_key("testnet", 0))
        await until(lambda: not liar.is_banned_by(victim))
        yield net, victim, liar


async def goes_on(victim: RunningNode) -> None:
    """Finality does not stop."""
    height = victim.height
    await until(lambda: victim.height >= height + 2)
