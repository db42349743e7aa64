"""The in-memory network keeps the same promises, and the same seed tells the same story."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.memory_links import Conditions, EqualLinks
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience, GossipVerdict
from p2p.wire.messages import (
    AnyRequest,
    GetRange,
    GetTransactions,
    Gossiped,
    Response,
    Status,
    Transactions,
    TransactionsAnnounced,
)
from tests.integration.libp2p_nodes import make_final, make_identity, make_vote

ASKED = GetTransactions((Hash32(b"x" * 32),))


@asynccontextmanager
async def world(
    count: int, seed: int = 0, conditions: Conditions | None = None
) -> AsyncIterator[tuple[MemoryHub, list[MemoryNetwork]]]:
    hub = MemoryHub(EqualLinks(seed, conditions))
    networks = [hub.join(make_identity(number)) for number in range(count)]
    async with trio.open_nursery() as nursery:
        for network in networks:
            await nursery.start(network.run)
        yield hub, networks
        nursery.cancel_scope.cancel()


async def echo(peer: str, request: AnyRequest) -> Response:
    if isinstance(request, GetTransactions):
        return Transactions(tuple(request.ids))
    raise RequestFailed(peer, "not served here")


def heard(network: MemoryNetwork) -> int:
    return network.inbound.statistics().current_buffer_used


async def test_votes_statuses_and_requests_reach_the_others(autojump_clock: MockClock) -> None:
    async with world(3) as (_, (first, second, third)):
        second.set_handler(echo)
        assert first.push(make_vote(), Audience.VALIDATORS) == 2
        assert first.send(third.peer_id, TransactionsAnnounced((Hash32(b"1" * 32),)))
        assert await first.request(second.peer_id, ASKED, 5) == Transactions(ASKED.ids)
        first.set_status(Status(7, Hash32(b"F" * 32), 0, 9))
        await trio.sleep(1)
        assert (heard(second), heard(third)) == (2, 3)
        assert {view.final_height for view in second.peers()} == {0, 7}
        with pytest.raises(RequestFailed, match="refused"):
            await first.request(second.peer_id, GetRange(1, 1), 5)
        with pytest.raises(RequestFailed, match="refused"):
            await first.request(third.peer_id, ASKED, 5)
        with pytest.raises(RequestFailed, match="not connected"):
            await first.request("nobody", ASKED, 5)


async def test_order_holds_on_each_link_in_spite_of_random_delays(
    autojump_clock: MockClock,
) -> None:
    async with world(2, conditions=Conditions(1, 500)) as (_, (first, second)):
        for view in range(1, 50):
            first.push(make_vote(view), Audience.PEERS)
        for view in range(1, 50):
            inbound = await second.inbound.receive()
            assert inbound.message.view == view  # type: ignore[union-attr]


async def test_a_partition_stops_everything_until_it_heals(autojump_clock: MockClock) -> None:
    async with world(3) as (hub, (first, second, third)):
        second.set_handler(echo)
        hub.partition({first.peer_id}, {second.peer_id, third.peer_id})
        first.push(make_vote(), Audience.VALIDATORS)
        second.push(make_vote(), Audience.VALIDATORS)
        with pytest.raises(RequestFailed, match="no answer"):
            await first.request(second.peer_id, ASKED, 2)
        assert (heard(first), heard(second), heard(third)) == (0, 0, 1)
        hub.heal()
        assert await first.request(second.peer_id, ASKED, 2) == Transactions(ASKED.ids)


async def test_blocking_cuts_both_ways_and_only_the_blocked(autojump_clock: MockClock) -> None:
    async with world(3) as (_, (first, second, third)):
        first.set_blocked({second.peer_id})
        for network in (first, second, third):
            network.push(make_vote(), Audience.VALIDATORS)
        await trio.sleep(1)
        assert (heard(first), heard(second), heard(third)) == (1, 1, 2)
        assert len(first.peers()) == 2


async def test_a_node_that_stops_is_gone_and_can_come_back(autojump_clock: MockClock) -> None:
    async with world(2) as (_, (first, second)):
        hub = MemoryHub()
        third = hub.join(make_identity(3))
        async with trio.open_nursery() as nursery:
            await nursery.start(third.run)
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            await nursery.start(third.run)
            nursery.cancel_scope.cancel()
        assert len(first.peers()) == len(second.peers()) == 1


async def test_gossip_is_judged_once_and_relayed_over_missing_links(
    autojump_clock: MockClock,
) -> None:
    async with world(3) as (_, networks):
        first, second, third = networks
        judged = []

        async def accept(peer: str, message: Gossiped) -> GossipVerdict:
            judged.append(peer)
            return GossipVerdict.ACCEPT

        for network in networks:
            network.set_gossip_check(accept)
        first.set_blocked({third.peer_id})
        first.gossip(make_final())
        await trio.sleep(1)
        assert judged == [first.peer_id, second.peer_id]
        assert (heard(first), heard(second), heard(third)) == (0, 1, 1)


async def test_a_banned_peer_is_parted_from(autojump_clock: MockClock) -> None:
    async with world(2) as (_, (first, second)):
        first.penalize(second.peer_id, Penalty.MALFORMED, "once")
        assert first.peers()[0].score == 75
        first.penalize(second.peer_id, Penalty.FORGED, "a lie")
        assert first.peers() == second.peers() == ()
        first.connect(second.address)
        assert first.peers() == ()
        await trio.sleep(31)
        first.connect(second.address)
        assert len(first.peers()) == len(second.peers()) == 1


async def story(seed: int) -> list[tuple[int, str, str, int]]:
    """Who had heard what of whom at which step, under loss and delay."""
    told = []
    async with world(4, seed, Conditions(1, 80, loss_permille=300)) as (_, networks):
        for step in range(1, 20):
            for network in networks:
                network.push(make_vote(step), Audience.VALIDATORS)
            await trio.sleep(0.0503)  # never at the moment of a delivery
            for network in networks:
                while heard(network):
                    inbound = network.inbound.receive_nowait()
                    view = inbound.message.view  # type: ignore[union-attr]
                    told.append((step, network.peer_id, inbound.peer, view))
    return told


async def test_the_same_seed_tells_the_same_story_and_another_seed_another(
    autojump_clock: MockClock,
) -> None:
    first, again, other = await story(1), await story(1), await story(2)
    assert first == again
    assert first != other
    assert 100 < len(first) < 4 * 3 * 19  # something was lost, not everything
