"""Two to four real networks on loopback: mesh, votes, requests, gossip, blocking, bans."""

from typing import Any

import pytest
import trio
from trio_typing import TaskStatus

from consensus.votes import ReceivedVote
from native.hashing import Hash32
from p2p.errors import InvalidPeerAddress, ListenFailed, Penalty, RequestFailed
from p2p.libp2p_network import Libp2pNetwork
from p2p.network import Audience, Direction, GossipCheck, GossipVerdict
from p2p.settings import NetworkSettings
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    Blocks,
    GetBlocks,
    GetRange,
    GetTransactions,
    Response,
    Status,
    Transactions,
    TransactionsAnnounced,
)
from tests.integration.libp2p_nodes import (
    GENESIS,
    LOOPBACK,
    NETWORK_ID,
    connected,
    eventually,
    make_certificate,
    make_final,
    make_identity,
    make_network,
    make_vote,
    mesh,
    receive,
    running,
    signing_key,
)

STATUS = Status(7, Hash32(b"F" * 32), 0, 9)


async def test_nodes_that_know_one_of_them_find_all_others() -> None:
    async with mesh(4) as networks:
        for network in networks:
            views = network.peers()
            assert {view.peer_id for view in views} == {
                other.peer_id for other in networks if other is not network
            }
            assert all(view.agent == "test/1" and view.score == 100 for view in views)
            assert {view.validator_key for view in views} == {
                signing_key(number).public_key
                for number, other in enumerate(networks)
                if other is not network
            }


async def test_a_vote_reaches_all_validators_and_names_its_sender() -> None:
    async with mesh(3) as (sender, *others):
        assert sender.push(make_vote(view=5), Audience.VALIDATORS) == 2
        for other in others:
            inbound = await receive(other)
            assert inbound.peer == sender.peer_id
            assert isinstance(inbound.message, ReceivedVote)
            assert inbound.message.bind(Hash32(b"I" * 32)) == make_vote(view=5)


async def test_messages_of_one_stream_keep_their_order() -> None:
    async with mesh(2) as (sender, receiver):
        for view in range(1, 301):
            sender.push(make_vote(view), Audience.PEERS)
        for view in range(1, 301):
            message = (await receive(receiver)).message
            assert isinstance(message, ReceivedVote)
            assert message.view == view


async def test_a_full_node_is_a_peer_but_no_validator() -> None:
    first = make_network(0)
    async with running(first):
        full_node = make_network(1, [first.address], validator=False)
        async with running(full_node):
            await connected([first, full_node])
            assert first.push(make_vote(), Audience.VALIDATORS) == 0
            assert full_node.push(make_vote(), Audience.VALIDATORS) == 1
            assert first.push(make_certificate(), Audience.PEERS) == 1
            assert (await receive(full_node)).message == make_certificate()


async def test_only_keys_of_the_validator_set_make_validators_once_it_is_known() -> None:
    async with mesh(3) as (sender, _, _):
        sender.set_validators({signing_key(2).public_key})
        assert sender.push(make_vote(), Audience.VALIDATORS) == 1
        sender.set_validators(())
        assert sender.push(make_vote(), Audience.VALIDATORS) == 0


async def test_announcements_and_sends_to_one_peer_arrive() -> None:
    async with mesh(2) as (sender, receiver):
        announced = TransactionsAnnounced((Hash32(b"1" * 32), Hash32(b"2" * 32)))
        assert sender.send(receiver.peer_id, announced)
        assert (await receive(receiver)).message == announced
        assert not sender.send("12D3KooWNobody", announced)


async def test_status_spreads_and_is_seen_in_peer_views() -> None:
    async with mesh(2) as (first, second):
        first.set_status(STATUS)
        await eventually(lambda: second.peers()[0].final_height == 7)
        view = second.peers()[0]
        assert (view.final_id, view.epoch, view.view) == (STATUS.final_id, 0, 9)


async def test_a_hello_carries_the_status_of_its_moment() -> None:
    first = make_network(0)
    first.set_status(STATUS)
    async with running(first):
        second = make_network(1, [first.address])
        async with running(second):
            await connected([first, second])
            assert second.peers()[0].final_height == 7


async def echo(peer: str, request: AnyRequest) -> Response:
    """Answers with what was asked for, 1 MB a block."""
    match request:
        case GetTransactions():
            return Transactions(tuple(request.ids))
        case GetBlocks():
            return Blocks(tuple(BlockData(b"h" * 600, block * 32768) for block in request.ids))
        case _:
            raise RequestFailed(peer, "not served here")


async def test_a_question_is_answered_and_large_answers_come_whole() -> None:
    async with mesh(2) as (asking, answering):
        answering.set_handler(echo)
        ids = tuple(Hash32(bytes([number]) * 32) for number in range(7))
        small = await asking.request(answering.peer_id, GetTransactions(ids), 5)
        assert small.raws == ids
        large = await asking.request(answering.peer_id, GetBlocks(ids), 20)
        assert [block.body_raw for block in large.blocks] == [block * 32768 for block in ids]


async def test_many_questions_at_once_share_a_few_streams() -> None:
    async with mesh(2) as (asking, answering):
        answering.set_handler(echo)
        answers: dict[int, bytes] = {}

        async def ask(number: int) -> None:
            wanted = Hash32(bytes([number]) * 32)
            answer = await asking.request(answering.peer_id, GetTransactions((wanted,)), 10)
            answers[number] = answer.raws[0]

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, number)
        assert answers == {number: bytes([number]) * 32 for number in range(50)}


async def test_refusals_timeouts_and_strangers_are_failed_requests() -> None:
    async with mesh(2) as (asking, answering):
        with pytest.raises(RequestFailed, match="refused"):
            await asking.request(answering.peer_id, GetRange(1, 1), 5)  # no handler yet
        answering.set_handler(echo)
        with pytest.raises(RequestFailed, match="refused"):
            await asking.request(answering.peer_id, GetRange(1, 1), 5)
        with pytest.raises(RequestFailed, match="not connected"):
            await asking.request("12D3KooWNobody", GetRange(1, 1), 5)

        async def never(peer: str, request: AnyRequest) -> Response:
            await trio.sleep_forever()
            raise AssertionError(peer)

        answering.set_handler(never)
        with pytest.raises(RequestFailed, match="no answer within"):
            await asking.request(answering.peer_id, GetRange(1, 1), 0.2)
        answering.set_handler(echo)
        ids = (Hash32(b"x" * 32),)
        answer = await asking.request(answering.peer_id, GetTransactions(ids), 5)
        assert answer.raws == ids
        assert asking.counters.requests_failed == 4


async def test_a_handler_that_raises_costs_its_answer_and_nothing_else() -> None:
    async with mesh(2) as (asking, answering):

        async def broken(peer: str, request: AnyRequest) -> Response:
            raise ZeroDivisionError

        answering.set_handler(broken)
        with pytest.raises(RequestFailed, match="refused"):
            await asking.request(answering.peer_id, GetRange(1, 1), 5)
        answering.set_handler(echo)
        ids = (Hash32(b"x" * 32),)
        assert (await asking.request(answering.peer_id, GetTransactions(ids), 5)).raws == ids
        assert answering.counters.restarts == 0


@pytest.mark.parametrize("called", ["handler", "gossip"])
async def test_a_broken_assertion_of_our_own_stops_the_node(called: str) -> None:
    asking, failing = make_network(0), make_network(1)
    failures: list[AssertionError] = []

    async def broken(*_: object) -> Any:
        raise AssertionError("we are wrong")

    async def run_failing(task_status: TaskStatus[None]) -> None:
        try:
            await failing.run(task_status=task_status)
        except AssertionError as error:
            failures.append(error)

    async with running(asking), trio.open_nursery() as nursery:
        failing.connect(asking.address)
        await nursery.start(lambda *, task_status: run_failing(task_status))
        await connected([asking, failing])
        failing.set_handler(broken)
        failing.set_gossip_check(broken)
        if called == "handler":
            with pytest.raises(RequestFailed):
                await asking.request(failing.peer_id, GetRange(1, 1), 5)
        else:
            await trio.sleep(1.2)  # a heartbeat: the mesh is formed
            asking.gossip(make_final())
        await eventually(lambda: bool(failures))
    assert str(failures[0]) == "we are wrong"


async def test_gossip_is_judged_once_relayed_and_delivered_once() -> None:
    async with mesh(4) as networks:
        judged: list[str] = []

        def judge_as(name: str) -> GossipCheck:
            async def check(peer: str, message: object) -> GossipVerdict:
                judged.append(name)
                await trio.sleep(0.05)  # copies of the others arrive meanwhile
                return GossipVerdict.ACCEPT

            return check

        for network in networks:
            network.set_gossip_check(judge_as(network.peer_id))
        await trio.sleep(1.2)  # a heartbeat: meshes are formed
        networks[0].gossip(make_final())
        for network in networks[1:]:
            assert (await receive(network)).message == make_final()
        await trio.sleep(0.3)
        assert sorted(judged) == sorted(network.peer_id for network in networks[1:])
        assert all(network.counters.received == 1 for network in networks[1:])


async def test_false_gossip_is_not_delivered_and_bans_who_passed_it_on() -> None:
    async with mesh(2) as (liar, judge):

        async def reject(peer: str, message: object) -> GossipVerdict:
            return GossipVerdict.REJECT

        judge.set_gossip_check(reject)
        await trio.sleep(1.2)
        liar.gossip(make_final())
        await eventually(lambda: not judge.peers())
        assert judge.counters.bans == 1
        assert judge.counters.received == 0


async def test_blocked_peers_hear_nothing_of_each_other_but_stay_connected() -> None:
    async with mesh(3) as (first, second, third):
        for network in (first, second, third):
            network.set_handler(echo)
        first.set_blocked({second.peer_id})
        assert first.push(make_vote(1), Audience.VALIDATORS) == 2
        assert second.push(make_vote(2), Audience.VALIDATORS) == 2
        assert third.push(make_vote(3), Audience.VALIDATORS) == 2
        heard = {(await receive(third)).peer, (await receive(third)).peer}
        assert heard == {first.peer_id, second.peer_id}
        assert (await receive(first)).peer == third.peer_id
        assert (await receive(second)).peer == third.peer_id
        with pytest.raises(RequestFailed):
            await first.request(second.peer_id, GetTransactions((Hash32(b"x" * 32),)), 0.3)
        with pytest.raises(RequestFailed):
            await second.request(first.peer_id, GetTransactions((Hash32(b"x" * 32),)), 0.3)
        assert len(first.peers()) == len(second.peers()) == 2
        first.set_blocked(())
        second.push(make_vote(4), Audience.VALIDATORS)
        assert (await receive(first)).peer == second.peer_id


async def test_a_peer_without_points_is_disconnected_and_refused_until_the_ban_ends() -> None:
    async with mesh(2) as (first, second):
        first.penalize(second.peer_id, Penalty.NUISANCE, "a little")
        assert first.peers()[0].score < 100
        first.penalize(second.peer_id, Penalty.FORGED, "a lie")
        await eventually(lambda: not first.peers())
        await trio.sleep(1.5)  # the other side redials all the time
        assert not first.peers()
        assert first.counters.bans == 1


async def test_nodes_of_other_chains_are_not_let_in() -> None:
    first = make_network(0)
    async with running(first):
        settings = NetworkSettings(listen=LOOPBACK, bootstrap=(first.address,))
        strangers = [
            Libp2pNetwork(make_identity(1, genesis=Hash32(b"g" * 32)), settings),
            Libp2pNetwork(make_identity(2, network_id=1), settings),
        ]
        async with running(*strangers):
            await trio.sleep(1.0)
            assert not first.peers()
            assert not any(stranger.peers() for stranger in strangers)


async def test_both_ends_say_once_that_they_are_of_two_chains_and_of_which(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, other = make_network(0), Hash32(b"g" * 32)
    async with running(first):
        settings = NetworkSettings(listen=LOOPBACK, bootstrap=(first.address,))
        second = Libp2pNetwork(make_identity(1, genesis=other), settings)
        third = Libp2pNetwork(make_identity(2, network_id=1), settings)
        async with running(second, third):
            await trio.sleep(3.0)  # they dial again and again
            assert first.counters.penalties == 0, "lost, not hostile"
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    for ours, theirs, peer in (
        (f"0x{GENESIS.hex()}", f"0x{other.hex()}", second),
        (f"0x{other.hex()}", f"0x{GENESIS.hex()}", first),
        (str(NETWORK_ID), "1", third),
        ("1", str(NETWORK_ID), first),
    ):
        lines = [line for line in said if f"ours is {ours}, its is {theirs}" in line]
        assert len(lines) == 1, said
        assert peer.peer_id in lines[0]
    assert len(said) == 4


async def test_both_ends_dialling_at_once_leaves_one_connection() -> None:
    first, second = make_network(0), make_network(1)
    async with running(first, second):
        for _ in range(3):
            first.connect(second.address)
            second.connect(first.address)
        await connected([first, second])
        await trio.sleep(0.5)
        assert {first.peers()[0].direction, second.peers()[0].direction} == set(Direction)
        first.push(make_vote(1), Audience.PEERS)
        second.push(make_vote(2), Audience.PEERS)
        assert (await receive(second)).peer == first.peer_id
        assert (await receive(first)).peer == second.peer_id


async def test_a_node_does_not_dial_itself() -> None:
    network = make_network(0)
    async with running(network):
        network.connect(network.address)
        await trio.sleep(0.3)
        assert not network.peers()


async def test_addresses_without_a_peer_id_and_taken_addresses_are_named_errors() -> None:
    with pytest.raises(InvalidPeerAddress):
        make_network(0, ["/ip4/127.0.0.1/tcp/3691"])
    first = make_network(0)
    async with running(first):
        with pytest.raises(InvalidPeerAddress):
            first.connect("/ip4/127.0.0.1/udp/3691")
        port = first.address.split("/")[4]
        second = make_network(1, listen=f"/ip4/127.0.0.1/tcp/{port}")
        with pytest.RaisesGroup(ListenFailed, flatten_subgroups=True, allow_unwrapped=True):
            await second.run()


async def test_a_broken_stack_is_started_again_and_the_peers_come_back() -> None:
    async with mesh(2) as (first, second):
        stack = first._stack
        assert stack is not None

        async def break_it() -> None:
            raise ZeroDivisionError

        stack._swarm.manager.run_task(break_it)  # what a bug of libp2p does
        await eventually(lambda: first.counters.restarts == 1 and not first.peers())
        await connected([first, second])
        first.push(make_vote(1), Audience.VALIDATORS)
        assert (await receive(second)).peer == first.peer_id
        second.push(make_vote(2), Audience.VALIDATORS)
        assert (await receive(first)).peer == second.peer_id
