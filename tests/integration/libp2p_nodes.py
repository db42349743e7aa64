"""Real networks on loopback for the tests of this folder, and messages for them to carry."""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from consensus.certificates import QuorumCertificate
from consensus.votes import SignedVote, Vote, VotePhase
from native.hashing import Hash32
from native.signatures import SigningKey
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Inbound
from p2p.settings import NetworkSettings, NodeIdentity
from p2p.wire.messages import FinalAnnounced

NETWORK_ID = 36_999
GENESIS = Hash32(b"G" * 32)
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
DEADLINE_S = 30.0


@functools.cache
def signing_key(number: int) -> SigningKey:
    """A validator's key."""
    return SigningKey.from_seed(bytes([number]) * 32)


def make_identity(
    number: int, *, validator: bool = True, genesis: Hash32 = GENESIS, network_id: int = NETWORK_ID
) -> NodeIdentity:
    """The node of this number."""
    key = signing_key(number) if validator else None
    return NodeIdentity(network_id, genesis, bytes([100 + number]) * 32, key, agent="test/1")


def make_network(
    number: int, bootstrap: Sequence[str] = (), *, listen: str = LOOPBACK, validator: bool = True
) -> Libp2pNetwork:
    """A network that is not running yet."""
    settings = NetworkSettings(listen=listen, bootstrap=tuple(bootstrap))
    return Libp2pNetwork(make_identity(number, validator=validator), settings)


@asynccontextmanager
async def running(*networks: Libp2pNetwork) -> AsyncIterator[None]:
    """The networks run, and are stopped at the end."""
    async with trio.open_nursery() as nursery:
        for network in networks:
            await nursery.start(network.run)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def mesh(count: int) -> AsyncIterator[list[Libp2pNetwork]]:
    """So many nodes that know the first one, connected to each other."""
    first = make_network(0)
    async with running(first):
        others = [make_network(number, [first.address]) for number in range(1, count)]
        async with running(*others):
            networks = [first, *others]
            await connected(networks)
            yield networks


async def eventually(condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` holds."""
    with trio.fail_after(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await trio.sleep(0.02)


async def connected(networks: Sequence[Libp2pNetwork], timeout_s: float = DEADLINE_S) -> None:
    """Wait until every network is connected to all the others."""
    others = len(networks) - 1
    await eventually(lambda: all(len(each.peers()) >= others for each in networks), timeout_s)


async def receive(network: Libp2pNetwork, timeout_s: float = 10.0) -> Inbound:
    """The next message a network hears."""
    with trio.fail_after(timeout_s):
        return await network.inbound.receive()


def make_vote(view: int = 1, voter_index: int = 0) -> SignedVote:
    """A vote whose signature nobody here checks."""
    vote = Vote(Hash32(b"I" * 32), VotePhase.PREFER, view, view, Hash32(b"B" * 32))
    return SignedVote(vote, 0, voter_index, bytes([view % 256]) * 3309)


def make_certificate(view: int = 1) -> QuorumCertificate:
    """A certificate of three voters whose signatures nobody here checks."""
    signatures = tuple(bytes([index]) * 3309 for index in range(3))
    block_id = Hash32(b"B" * 32)
    return QuorumCertificate(
        Hash32(b"I" * 32), 0, VotePhase.COMMIT, view, view, block_id, b"\x07", signatures
    )


def make_final(view: int = 1) -> FinalAnnounced:
    """A final block nobody here checks."""
    return FinalAnnounced(view.to_bytes(8, "big") * 50, make_certificate(view))
