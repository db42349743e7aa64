"""The largest numbers that the wire allows, where a node reckons with what peers say of heights."""

from dataclasses import replace
from pathlib import Path

from consensus.light import Finality
from genesis.units import U64_MAX
from native.hashing import Hash32
from p2p.wire.messages import FinalityClaim, Status
from tests.integration.lane_nodes import lane_cluster
from tests.integration.liars import goes_on, join_liar, lied_to
from tests.integration.nodes import until
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

OTHER = Hash32(b"\x33" * 32)


async def test_a_chain_of_an_epoch_without_end_is_not_shown(tmp_path: Path) -> None:
    async with lied_to(tmp_path, stranger=True) as (_, victim, liar):
        true = victim.node.chain.blocks.finality_of(1)
        assert true is not None
        header = replace(true.headers[-1], timestamp_ms=true.headers[-1].timestamp_ms + 1)
        final = replace(true.certificate, height=1, block_id=header.id, epoch=U64_MAX)
        liar.answers = [FinalityClaim(Finality(final, true.start_id, (header,), true.validators))]
        liar.network.set_status(Status(1, header.id, 0, 1))
        await until(lambda: liar.asked != [] and liar.score_at(victim) < 100)
        await goes_on(victim)


def test_a_status_of_an_epoch_without_end_asks_for_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with lane_cluster(tmp_path, 1, machine=virtual_machine()) as net:
            victim = await net.start(0)
            await until(lambda: victim.height >= 2)
            liar = await join_liar(net)
            liar.network.set_status(Status(U64_MAX, OTHER, U64_MAX, U64_MAX, OTHER))
            peers = victim.node.context.network.peers
            await until(lambda: any(peer.epoch == U64_MAX for peer in peers()))
            height = victim.height
            await until(lambda: victim.height >= height + 4)

    with stand_in_signatures():
        run_virtual(story, seed=1)
