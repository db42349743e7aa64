"""What peers hear of us between final blocks."""

from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from aichain.errors import StoreCorrupt
from aichain.feed import Feed
from aichain.node.finalizer import Finalizer
from aichain.rpc.backend import BlockView
from native.hashing import ZERO_HASH, Hash32
from p2p.wire.messages import Status

ANCHOR = Hash32(b"a" * 32)
DAMAGED = 5


class Desk:
    """A finalizer on a chain whose disk holds one header below its head, and what it tells."""

    def __init__(self) -> None:
        self.told: list[Status] = []
        self.pushed: list[Status] = []
        self.state: Any = SimpleNamespace(epoch=1, view=3)
        chain = SimpleNamespace(
            head=SimpleNamespace(head=SimpleNamespace(height=7, id=ZERO_HASH)),
            index_trouble="",
            blocks=self,
            document=SimpleNamespace(consensus=SimpleNamespace(epoch_blocks=4)),
        )
        ledger: Any = SimpleNamespace(chain=chain)
        nothing: Any = None
        network = SimpleNamespace(
            set_status=self.told.append, push=lambda status, _to: self.pushed.append(status)
        )
        context: Any = SimpleNamespace(
            network=network,
            metrics=None,
            clock=None,
            document=SimpleNamespace(has_lanes=False),
        )
        feed: Feed[BlockView] = Feed(capacity=1, max_readers=1)
        self.finalizer = Finalizer(ledger, nothing, feed, context, lambda: self.state)

    def header_at(self, height: int) -> Any:
        if height == DAMAGED:
            raise StoreCorrupt(path="segment", reason="a changed bit")
        return SimpleNamespace(height=4, id=ANCHOR) if height == 4 else None


async def test_peers_hear_in_which_view_we_are_though_nothing_becomes_final(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    with trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.finalizer.run)
            await trio.sleep(2.5)
            desk.state.view = 90
            await trio.sleep_forever()
    assert desk.told[0] == Status(7, ZERO_HASH, 1, 3, ANCHOR)
    assert desk.told[-1] == Status(7, ZERO_HASH, 1, 90, ANCHOR)


@pytest.mark.parametrize(
    ("contested", "shown"), [(4, (4, ANCHOR)), (9, (7, ZERO_HASH)), (DAMAGED, (7, ZERO_HASH))]
)
def test_after_a_fork_peers_hear_which_block_of_that_height_is_ours(
    contested: int, shown: tuple[int, Hash32]
) -> None:
    """Above our head it is our head. What lies damaged cannot be shown, and stops nothing."""
    desk = Desk()
    desk.finalizer.contest(contested)
    expected = Status(*shown, 1, 3, ANCHOR)
    assert desk.pushed == ([] if contested == DAMAGED else [expected])
    desk.finalizer.announce_status()
    assert desk.told[-1] == expected
