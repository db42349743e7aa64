"""Sync with two lanes goes on past peers that claim much and give nothing."""

from pathlib import Path

from native.hashing import Hash32
from p2p.errors import Penalty
from p2p.wire.messages import GetDecisions, Status
from tests.integration.lane_nodes import lane_cluster
from tests.integration.liars import join_liar
from tests.integration.nodes import until
from tests.simulation.nodes.stand_in_signatures import stand_in_signatures
from tests.simulation.nodes.virtual_time import run_virtual, virtual_machine

CLAIM = Status(10**6, Hash32(b"\x33" * 32), 0, 10**6)


def test_silent_peers_that_are_asked_first_hold_sync_up_for_seconds_only(tmp_path: Path) -> None:
    """The lanes themselves close a gap of two decisions a second: not one of 120 in 15 seconds."""

    async def story() -> None:
        async with lane_cluster(tmp_path, 1, machine=virtual_machine()) as net:
            founder = await net.start(0)
            await until(lambda: founder.height >= 120, 90)
            liars = [await join_liar(net, name=str(number)) for number in range(2)]
            for liar in liars:
                liar.silent = True
                liar.network.set_status(CLAIM)
            follower = await net.start(1, founder=False)
            network = follower.node.context.network
            network.penalize(founder.node.context.network.peer_id, Penalty.NUISANCE, "comes last")
            await until(lambda: follower.height >= founder.height - 4, 15)
            asked = [each for liar in liars for each in liar.asked]
            assert any(isinstance(each, GetDecisions) for each in asked), "one was to decide first"

    with stand_in_signatures():
        run_virtual(story, seed=3)
