"""When a new log of a large set may sign: by a quorum, or by stamps if the clock is right."""

from types import SimpleNamespace
from typing import Any

import trio
import trio.testing

from aichain.node.lanes.probation import LaneProbation
from consensus.core.events import VotingAllowed
from consensus.electorate import Electorate
from consensus.lanes.probation import CLOCK_MARGIN_MS, LATER_CHECKPOINTS
from genesis.units import address_of_key
from native.hashing import ZERO_HASH
from tests.builders_lanes import VALIDATORS, make_lanes
from tests.clocks import FixedClock

KEYS = tuple(b"key %d" % member for member in range(VALIDATORS))
QUORUM = 17
START_MS = 1_000_000
LATER_MS = START_MS + CLOCK_MARGIN_MS
FIRST = 5
LAST = FIRST + LATER_CHECKPOINTS


class Watched:
    """A probation, the checkpoints that are decided, a clock, and peers that say where they are."""

    def __init__(self, says: list[int]) -> None:
        self.clock = FixedClock(START_MS)
        self.trouble = ""
        self.signs = False
        self._says = says
        known = make_lanes().ballot.instance.electorate
        members = tuple(map(address_of_key, KEYS))
        electorate = Electorate(0, members, known.weights, known.schedule, ZERO_HASH)
        instance = SimpleNamespace(electorate=electorate, id=ZERO_HASH, epoch=0)
        core = SimpleNamespace(me=0, instance=instance, view=1)
        ballot = SimpleNamespace(core=core, instance=instance)
        self.state = SimpleNamespace(ballot=ballot, terms=())
        self._decide(FIRST - 1, START_MS)
        consensus = SimpleNamespace(block_time_ms=500, clock_offset_ms=250)
        document = SimpleNamespace(consensus=consensus)
        context: Any = SimpleNamespace(network=self, clock=self.clock, document=document)
        syncer: Any = SimpleNamespace(syncing=False)
        fake: Any = self  # the engine, the ballots and the watch of our clock
        self._probation = LaneProbation(fake, context, fake, syncer, fake, None)

    def peers(self) -> list[Any]:
        """The members from the second on; we are the first."""
        return [
            SimpleNamespace(validator_key=key, view=number)
            for key, number in zip(KEYS[1:], self._says, strict=False)
        ]

    def post(self, event: object) -> None:
        self.signs = isinstance(event, VotingAllowed)

    async def allow(self, _record: object) -> None:
        """The log would say so."""

    def _decide(self, number: int, stamp_ms: int) -> None:
        self.state.number = number + 1
        self.state.checkpoint = SimpleNamespace(number=number, timestamp_ms=stamp_ms)

    async def decide(self, first: int, stamp_ms: int, *, late_ms: int = 0) -> None:
        """From `first` one checkpoint after the other, each known `late_ms` after its stamp."""
        for number in range(first, first + LATER_CHECKPOINTS + 1):
            now_ms = stamp_ms + 1_000 * (number - first)
            self.clock.advance(now_ms + late_ms - self.clock.now_ms())
            self._decide(number, now_ms)
            await trio.sleep(1)

    def start(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._probation.run, False)


async def play(watched: Watched, *stories: Any) -> bool:
    """Whether it signs after these."""
    async with trio.open_nursery() as nursery:
        watched.start(nursery)
        await trio.sleep(1)
        for story in stories:
            await story
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return watched.signs


async def test_stamps_are_enough_where_too_few_are_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watched = Watched([FIRST, FIRST])
    assert not await play(watched, watched.decide(FIRST, LATER_MS - 5_000))
    watched = Watched([FIRST, FIRST])
    assert await play(watched, watched.decide(FIRST, LATER_MS))


async def test_stamps_are_enough_where_a_liar_completes_the_quorum(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watched = Watched([10**9] + [FIRST] * (QUORUM - 2))
    assert await play(watched, watched.decide(FIRST, LATER_MS))


async def test_a_quorum_is_enough_where_no_stamp_is_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watched = Watched([FIRST] * (QUORUM - 2))
    assert not await play(watched, watched.decide(FIRST, START_MS))
    watched = Watched([FIRST] * (QUORUM - 1))
    assert await play(watched, watched.decide(FIRST, START_MS))


async def test_a_wrong_clock_says_nothing_until_it_was_set_for_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watched = Watched([FIRST, FIRST])
    watched.trouble = "this clock is 20000 ms or more behind the others"
    assert not await play(watched, watched.decide(FIRST, LATER_MS))
    watched.trouble = ""
    end_ms = watched.clock.now_ms()
    assert not await play(watched, watched.decide(LAST + 1, end_ms + 1_000))
    assert await play(watched, watched.decide(2 * LAST, end_ms + CLOCK_MARGIN_MS))


async def test_trouble_that_shows_late_takes_back_what_the_clock_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watched = Watched([FIRST, FIRST])

    async def notice() -> None:
        await trio.sleep(1)
        watched.trouble = "this clock is 20000 ms or more behind the others"

    async def first() -> None:
        watched.clock.advance(CLOCK_MARGIN_MS)
        watched._decide(FIRST, LATER_MS)

    assert not await play(watched, first(), notice(), watched.decide(FIRST + 1, LATER_MS))


async def test_a_stamp_of_a_quorum_that_lies_ahead_shows_that_our_clock_is_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The proposals of so few that are heard of a large set show nothing."""
    watched = Watched([FIRST, FIRST])
    assert not await play(watched, watched.decide(FIRST, LATER_MS, late_ms=-CLOCK_MARGIN_MS))
