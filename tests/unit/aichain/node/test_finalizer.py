"""What peers hear of us between final blocks."""

from types import SimpleNamespace
from typing import Any

import trio
import trio.testing

from aichain.feed import Feed
from aichain.node.finalizer import Finalizer
from aichain.rpc.backend import BlockView
from native.hashing import ZERO_HASH, Hash32
from p2p.wire.messages import Status

ANCHOR = Hash32(b"a" * 32)


async def test_peers_hear_in_which_view_we_are_though_nothing_becomes_final(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told: list[Status] = []
    head = SimpleNamespace(height=7, id=ZERO_HASH)
    chain = SimpleNamespace(
        head=SimpleNamespace(head=head),
        index_trouble="",
        blocks=SimpleNamespace(header_at={4: SimpleNamespace(id=ANCHOR)}.get),
        document=SimpleNamespace(consensus=SimpleNamespace(epoch_blocks=4)),
    )
    ledger: Any = SimpleNamespace(chain=chain)
    nothing: Any = None
    context: Any = SimpleNamespace(
        network=SimpleNamespace(set_status=told.append),
        metrics=None,
        clock=None,
        document=SimpleNamespace(has_lanes=False),
    )
    state: Any = SimpleNamespace(epoch=1, view=3)
    feed: Feed[BlockView] = Feed(capacity=1, max_readers=1)
    finalizer = Finalizer(ledger, nothing, feed, context, lambda: state)
    with trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(finalizer.run)
            await trio.sleep(2.5)
            state.view = 90
            await trio.sleep_forever()
    assert told[0] == Status(7, ZERO_HASH, 1, 3, ANCHOR)
    assert told[-1] == Status(7, ZERO_HASH, 1, 90, ANCHOR)
