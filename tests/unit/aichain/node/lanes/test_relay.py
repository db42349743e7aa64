"""Wishes name validators by their numbers in an epoch."""

from types import SimpleNamespace
from typing import cast

from aichain.node.context import NodeContext
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.relay import Relay
from aichain.node.lanes.upstream import Upstream
from consensus.votes import Lane
from p2p.wire.messages import Reach, Subscribe

US, FIRST, SECOND = b"us", b"first", b"second"
SETS = {0: (US, FIRST, SECOND), 1: (SECOND, US, FIRST)}
PEER = SimpleNamespace(peer_id="peer", validator_key=FIRST)


async def test_a_wish_that_comes_before_we_looked_at_a_new_epoch_is_read_in_its_numbers() -> None:
    instance = SimpleNamespace(epoch=0)
    engine = SimpleNamespace(state=SimpleNamespace(ballot=SimpleNamespace(instance=instance)))
    electorates = SimpleNamespace(
        keys=frozenset(SETS[0]),
        validators=lambda epoch: [SimpleNamespace(public_key=key) for key in SETS[epoch]],
    )
    consensus = SimpleNamespace(block_time_ms=500, delta_ms=250)
    context = cast(
        "NodeContext",
        SimpleNamespace(
            electorates=electorates,
            network=SimpleNamespace(peers=lambda: (PEER,)),
            metrics=None,
            document=SimpleNamespace(consensus=consensus),
        ),
    )
    upstream = Upstream(cast("LaneEngine", engine), context, US)
    relay = Relay(cast("LaneEngine", engine), upstream, context)
    assert relay.subscribe("peer", Subscribe(0, b"\x04", b"")) == Reach(0, b"\x00\x01\x00")
    assert upstream.subscribers(Lane.HARD, SECOND, "") == {FIRST}
    instance.epoch = 1
    assert relay.subscribe("peer", Subscribe(1, b"\x01", b"")) == Reach(1, b"\x00\x00\x01")
    assert upstream.subscribers(Lane.HARD, SECOND, "") == {FIRST}
    assert not upstream.subscribers(Lane.HARD, US, "")
