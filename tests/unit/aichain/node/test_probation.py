"""Who serves the probation of a new log: members, and those who may be members one day."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from aichain.node.ballots import Ballots
from aichain.node.probation import ProbationWatch
from consensus.core import State
from consensus.core.events import Event, VotingAllowed
from consensus.electorate import Electorate
from consensus.records import SigningAllowed
from genesis.units import address_of_key
from native.hashing import ZERO_HASH
from tests.builders_consensus import GENESIS, make_state

KEYS = tuple(b"key %d" % member for member in range(4))
STRANGER = 9


class Watched:
    """A probation with peers that say where they stand, and nothing else around it."""

    def __init__(self, me: int) -> None:
        members = tuple(address_of_key(key) for key in KEYS)
        state = make_state(me)
        known = state.instance.electorate
        electorate = Electorate(0, members, known.weights, known.schedule, ZERO_HASH)
        self.state: State = _with_electorate(state, electorate)
        self.posted: list[Event] = []
        self.logged: list[SigningAllowed] = []
        self.heights = [0, 0, 0, 0]

    def post(self, event: Event) -> None:
        self.posted.append(event)

    def peers(self) -> list[SimpleNamespace]:
        """All members but ourselves, and one that is nobody's validator."""
        others = [member for member in range(4) if member != self.state.me]
        peers = [
            SimpleNamespace(
                validator_key=KEYS[member], final_height=self.heights[member], epoch=0, view=1
            )
            for member in others
        ]
        return [*peers, SimpleNamespace(validator_key=b"", final_height=7, epoch=0, view=1)]

    async def run(self) -> None:
        async def allow(record: SigningAllowed) -> None:
            self.logged.append(record)

        context: Any = SimpleNamespace(
            network=self,
            clock=SimpleNamespace(now_ms=lambda: 5),
            document=SimpleNamespace(consensus=SimpleNamespace(block_time_ms=500)),
        )
        chain: Any = SimpleNamespace(head=SimpleNamespace(head=GENESIS))
        ballots = cast("Ballots", SimpleNamespace(allow=allow))
        engine: Any = self
        syncer: Any = SimpleNamespace(syncing=False)
        await ProbationWatch(engine, chain, context, ballots, syncer).run(is_vouched_for=False)


def _with_electorate(state: State, electorate: Electorate) -> State:
    instance = SimpleNamespace(electorate=electorate, id=state.instance.id, epoch=0)
    return cast(
        "State",
        SimpleNamespace(
            me=state.me, instance=instance, final=GENESIS, final_view=0, epoch=0, view=1
        ),
    )


@pytest.mark.parametrize("me", [0, STRANGER])
async def test_a_chain_that_begins_ends_the_probation_of_members_and_strangers(
    me: int, autojump_clock: trio.testing.MockClock
) -> None:
    watched = Watched(me)
    with trio.fail_after(10):
        await watched.run()
    assert watched.posted == [VotingAllowed(5)]
    assert watched.logged == [SigningAllowed(watched.state.instance.id, 0, 1)]


@pytest.mark.parametrize("me", [0, STRANGER])
async def test_a_living_chain_keeps_both_silent(
    me: int, autojump_clock: trio.testing.MockClock
) -> None:
    watched = Watched(me)
    watched.heights = [9, 9, 9, 9]
    with trio.move_on_after(60):
        await watched.run()
    assert watched.posted == []
    assert watched.logged == []
