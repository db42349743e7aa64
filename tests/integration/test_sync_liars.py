"""Sync goes on past peers that claim much and give nothing; what cannot execute stops the node."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from aichain.errors import ConsensusHalted
from aichain.node.bodies import Bodies
from native.hashing import Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    BlockRange,
    GetCertificates,
    GetRange,
    Response,
    Status,
)
from tests.integration.liars import Liar
from tests.integration.nodes import DEADLINE_S, Cluster, RunningNode, cluster, until
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine
from vm.blocks import encode_body, transactions_root
from vm.errors import InvalidBlock

CLAIM = Status(10**6, Hash32(b"\x33" * 32), 0, 10**6)


async def silent_liars(net: Cluster, count: int) -> list[Liar]:
    """Peers that claim a long chain and never answer."""
    liars = [Liar(net, str(number)) for number in range(count)]
    for liar in liars:
        liar.silent = True
        await net.nursery.start(liar.network.run)
        liar.network.set_status(CLAIM)
    return liars


async def test_silent_liars_neither_stop_sync_nor_keep_the_node_syncing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aichain.node.syncer.REQUEST_TIMEOUT_S", 1.0)
    async with cluster(tmp_path, 1) as net:
        founder = await net.start(0)
        await until(lambda: founder.height >= 6)
        liars = await silent_liars(net, 5)
        follower = await net.start(1, founder=False)
        for liar in liars:
            liar.network.set_status(Status(CLAIM.final_height + 1, CLAIM.final_id, 0, 1))
        syncer = follower.node.syncer
        await until(lambda: syncer.target_height > 10**6)
        await until(lambda: syncer.target_height < 10**6 and not syncer.syncing)
        assert all(liar.asked for liar in liars)
        assert all(liar.score_at(follower) < 100 for liar in liars)
        assert founder.node.context.network.peer_id in syncer.sources.claims()
        height = follower.height
        await until(lambda: follower.height >= max(height + 2, 6))


async def test_another_certificate_of_a_block_is_verified_like_the_first(tmp_path: Path) -> None:
    """The true one first, above a path; then its own block, with a view that nobody signed."""
    async with cluster(tmp_path, 1) as net:
        founder = await net.start(0)
        liar = Liar(net)
        await net.nursery.start(liar.network.run)
        founder_peer = founder.node.context.network.peer_id
        await until(lambda: founder.height >= 2 and len(liar.network.peers()) == 1)
        true = await liar.network.request(founder_peer, GetRange(1, 2), DEADLINE_S)
        below, certified = true.blocks
        assert true.certificate is not None
        assert not true.path
        forged = replace(true.certificate, view=10**9)

        async def lie(peer: str, request: AnyRequest) -> Response:
            match request:
                case GetRange(from_height=1):
                    return BlockRange((below,), (certified.header_raw,), true.certificate)
                case GetRange(from_height=2):
                    return BlockRange((certified,), (), forged)
                case _:
                    raise RequestFailed(peer, "it only knows one lie")

        liar.network.set_handler(lie)
        await founder.stop()
        follower = await net.start(1, founder=False)
        liar.network.set_status(CLAIM)
        await until(lambda: follower.node.context.network.counters.bans == 1)
        assert follower.node.engine.state.view < forged.view
        await net.start(0)
        await until(lambda: follower.height >= 4)


def test_a_silent_peer_that_is_asked_first_holds_sync_up_for_seconds_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, 1, epoch_blocks=8, machine=virtual_machine()) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 40)
            liars = await silent_liars(net, 2)
            follower = await net.start(1, founder=False)
            network = follower.node.context.network
            network.penalize(founder.node.context.network.peer_id, Penalty.NUISANCE, "comes last")
            await until(lambda: follower.height >= founder.height - 1, 10)
            asked = [each for liar in liars for each in liar.asked if isinstance(each, GetRange)]
            assert 1 in {each.from_height for each in asked}, "one was to give the first range"

    run_virtual(story, seed=3)


async def test_a_certificate_of_an_epoch_that_is_over_proves_no_new_block(tmp_path: Path) -> None:
    """It was taken for the sign that our core was faster, and the liar was asked again for ever."""
    async with cluster(tmp_path, 1, epoch_blocks=2) as net:
        founder = await net.start(0)
        follower = await net.start(1, founder=False)
        await until(lambda: follower.height >= 3)
        await founder.stop()
        chain = follower.node.chain
        head, certificate = chain.head.head, chain.blocks.certificate_at(chain.head.head.height)
        assert certificate is not None
        empty = transactions_root(())
        child = replace(head, height=head.height + 1, parent_id=head.id, tx_root=empty)
        child = replace(child, witness_root=empty)
        past = replace(certificate, height=child.height, block_id=child.id, epoch=0)
        liar = Liar(net)

        async def lie(peer: str, request: AnyRequest) -> Response:
            if isinstance(request, GetRange):
                return BlockRange((BlockData(child.raw, encode_body(())),), (), past)
            raise RequestFailed(peer, "it only knows one lie")

        liar.network.set_handler(lie)
        await net.nursery.start(liar.network.run)
        liar.network.set_status(CLAIM)
        await until(lambda: follower.node.context.network.counters.bans == 1)
        await net.start(0)
        await until(lambda: follower.height >= child.height + 1)


async def test_validators_are_asked_first_whatever_others_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, 1) as net:
        await silent_liars(net, 4)
        founder = await net.start(0)
        follower = await net.start(1, founder=False)
        network = follower.node.context.network
        await until(lambda: len(network.peers()) == 5 and follower.height >= 1)
        asked: list[tuple[str, type]] = []

        async def refuse(peer: str, request: object, _timeout_s: float) -> object:
            asked.append((peer, type(request)))
            raise RequestFailed(peer, "refused")

        monkeypatch.setattr(network, "request", refuse)
        services, state = follower.node.services, follower.node.engine.state
        founder_peer = founder.node.context.network.peer_id
        await services.request_certificates(0, state.view, state.view)
        assert asked[0] == (founder_peer, GetCertificates)
        asked.clear()
        await services.request_certificates(0, state.view, state.view)
        assert asked[0][0] != founder_peer  # it has just failed


async def test_a_final_block_that_does_not_execute_here_halts_the_node_and_bans_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_args: object, **_kwargs: object) -> None:
        raise InvalidBlock

    async with cluster(tmp_path, 1) as net:
        founder = await net.start(0)
        await until(lambda: founder.height >= 6)
        monkeypatch.setattr(Bodies, "execute", refuse)
        followers: list[RunningNode] = []

        async def follow() -> None:
            with trio.fail_after(DEADLINE_S):
                async with trio.open_nursery() as nursery:
                    apart = replace(net, nursery=nursery)
                    followers.append(await apart.start(1, founder=False))

        with pytest.raises(ExceptionGroup) as raised:
            await follow()
        assert raised.value.subgroup(ConsensusHalted) is not None
        assert followers[0].node.context.network.counters.bans == 0
