"""Chains of checkpoints that parted: who shows one halts us, who cannot is charged."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from aichain.node.lanes.fork_watch import AHEAD_POLLS, POLL_S, LaneForkWatch
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.events import HardForkProven
from consensus.lanes.messages import Decision
from genesis.limits import FORK_QUESTIONS_AT_ONCE
from native.batch import verify_many
from native.hashing import ZERO_HASH
from native.signatures import SignatureItem
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import Decisions, GetDecisions
from tests.builders_light import EPOCH_BLOCKS, FOUR, GENESIS_HASH, LightChain, sign

PARTED, LAST = 6, 11
"""Checkpoints 1 to 5 are common; each block is one."""


def grown(salt: int) -> LightChain:
    chain = LightChain.of(PARTED - 1)
    chain.salt = salt
    chain.extend(LAST)
    return chain


def decided(chain: LightChain, *, voters: tuple[int, ...] = (0, 1, 2)) -> dict[int, Decision]:
    """A checkpoint for each block, each on the one before."""
    made: dict[int, Decision] = {}
    parent_id = ZERO_HASH
    for number in range(1, LAST + 1):
        header = chain.headers[number]
        checkpoint = Checkpoint(
            number, parent_id, header.id, number, False, FOUR.hash, header.epoch, 1, 0, number
        )
        final = sign(header, FOUR, parent_id, voters=voters, checkpoint=checkpoint)
        made[number], parent_id = Decision(checkpoint, final), checkpoint.id
    return made


OUR_CHAIN, THEIR_CHAIN = grown(1), grown(2)
OURS, THEIRS = decided(OUR_CHAIN), decided(THEIR_CHAIN)
Bend = Callable[[Decision], Decision]


class Desk:
    """A watch on our chain, and peers on another one."""

    def __init__(self, theirs: dict[int, Decision], bend: Bend = lambda shown: shown) -> None:
        self.events: list[Any] = []
        self.charges: list[Penalty] = []
        self.asked: list[int] = []
        self.claimed: list[Any] = []
        self.ours, self.theirs, self._bend = dict(OURS), theirs, bend
        self.answers = True
        self.read: list[int] = []
        self._is_beside = False
        headers = dict(enumerate(OUR_CHAIN.headers))
        blocks = SimpleNamespace(
            header_at=headers.get, validators_at=lambda height: FOUR, first_set=0
        )
        document = SimpleNamespace(
            hash=GENESIS_HASH, consensus=SimpleNamespace(epoch_blocks=EPOCH_BLOCKS)
        )
        head = SimpleNamespace(head=OUR_CHAIN.headers[LAST])
        chain: Any = SimpleNamespace(blocks=blocks, document=document, decisions=self, head=head)
        epoch = SimpleNamespace(instance=SimpleNamespace(epoch=OUR_CHAIN.headers[LAST].epoch))
        last = OURS[LAST].checkpoint
        state = SimpleNamespace(number=LAST + 1, checkpoint=last, ballot=epoch, halted=None)
        engine: Any = SimpleNamespace(state=state, post=self.events.append)
        clock = SimpleNamespace(now_ms=lambda: 7)
        context: Any = SimpleNamespace(
            network=self, verifier=self, clock=clock, run_blocking=self._beside_the_loop
        )
        self.watch = LaneForkWatch(engine, chain, context)

    def from_number(self, number: int) -> Iterator[Decision]:
        assert self._is_beside, "the loop does not wait for the disk"
        self.read.append(number)
        return (self.ours[at] for at in sorted(self.ours) if at >= number)

    async def _beside_the_loop(
        self, function: Callable[..., Any], *arguments: Any, limiter: trio.CapacityLimiter
    ) -> Any:
        async with limiter:
            self._is_beside = True
            result = function(*arguments)
            self._is_beside = False
        return result

    def peers(self) -> tuple[Any, ...]:
        return tuple(self.claimed)

    async def request(self, peer: str, question: GetDecisions, _timeout_s: float) -> Decisions:
        self.asked.append(question.from_number)
        if not self.answers:
            raise RequestFailed(peer=peer, reason="gone")
        kept = [at for at in sorted(self.theirs) if at >= question.from_number]
        return Decisions(tuple(self._bend(self.theirs[at]) for at in kept[: question.count]))

    def penalize(self, _peer: str, penalty: Penalty, _reason: str) -> None:
        self.charges.append(penalty)

    async def verify_consensus(self, items: Iterable[SignatureItem]) -> list[bool]:
        return list(verify_many(list(items)))

    async def run_for(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.watch.run()


def peer(chain: LightChain, height: int, *, view: int | None = None) -> Any:
    header = chain.headers[height]
    return SimpleNamespace(
        peer_id="p",
        epoch=header.epoch,
        anchor_id=chain.headers[header.epoch * EPOCH_BLOCKS].id,
        final_height=height,
        final_id=header.id,
        view=height + 1 if view is None else view,
    )


def proven(desk: Desk) -> list[int]:
    """The numbers of checkpoints that were shown to be of another chain."""
    assert all(isinstance(event, HardForkProven) for event in desk.events)
    return [event.certificate.height for event in desk.events]


async def test_the_first_checkpoint_that_differs_proves_the_fork() -> None:
    """Of the ballot in which both chains parted: there the guilty signed twice."""
    desk = Desk(THEIRS)
    assert await desk.watch.judge("p", LAST, claims=True)
    assert proven(desk) == [PARTED]
    assert desk.events[0].certificate.instance_id == OURS[PARTED].certificate.instance_id
    assert desk.charges == []
    assert len(desk.asked) <= 5


@pytest.mark.parametrize("kept", [(4, 8, 9, 10, 11), (8, 11), (4, 11)])
async def test_old_decisions_that_are_not_kept_hide_no_fork(kept: tuple[int, ...]) -> None:
    desk = Desk({number: THEIRS[number] for number in kept})
    assert await desk.watch.judge("p", LAST, claims=True)
    assert proven(desk) == [min(number for number in kept if number >= PARTED)]


async def test_blocks_tell_where_we_keep_no_decision_of_that_number() -> None:
    desk = Desk({8: THEIRS[8]})
    desk.ours = {4: OURS[4], 11: OURS[11]}
    assert await desk.watch.judge("p", 8, claims=True)
    assert proven(desk) == [8]


def forged(shown: Decision) -> Decision:
    signatures = (bytes(3_309), *shown.certificate.signatures[1:])
    return replace(shown, certificate=replace(shown.certificate, signatures=signatures))


def of_another_ballot(shown: Decision) -> Decision:
    parent_id = OURS[1].checkpoint.id
    checkpoint = replace(shown.checkpoint, parent_id=parent_id)
    certificate = replace(shown.certificate, block_id=checkpoint.id)
    return Decision(checkpoint, certificate)


def of_tomorrow(shown: Decision) -> Decision:
    checkpoint = replace(shown.checkpoint, epoch=9)
    return Decision(checkpoint, replace(shown.certificate, block_id=checkpoint.id))


@pytest.mark.parametrize("bend", [forged, of_another_ballot, of_tomorrow])
async def test_a_fork_that_nobody_signed_is_charged(bend: Bend) -> None:
    desk = Desk(THEIRS, bend)
    assert not await desk.watch.judge("p", LAST, claims=True)
    assert (desk.events, desk.charges) == ([], [Penalty.FORGED])


async def test_too_few_voters_are_no_fork() -> None:
    desk = Desk(decided(THEIR_CHAIN, voters=(0, 1)))
    assert not await desk.watch.judge("p", LAST, claims=True)
    assert (desk.events, desk.charges) == ([], [Penalty.FORGED])


async def test_who_claims_another_chain_and_shows_ours_is_charged() -> None:
    desk = Desk(OURS)
    assert not await desk.watch.judge("p", LAST, claims=True)
    assert desk.charges == [Penalty.MALFORMED]
    assert not await desk.watch.judge("p", LAST, claims=False)
    assert desk.charges == [Penalty.MALFORMED]


async def test_a_peer_whose_last_block_is_another_one_is_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.claimed = [peer(OUR_CHAIN, LAST)]
    await desk.run_for(4 * POLL_S)
    assert desk.asked == []
    desk.claimed = [peer(THEIR_CHAIN, 7)]
    await desk.run_for(4 * POLL_S)
    assert proven(desk) == [PARTED]


async def test_a_peer_that_stays_ahead_is_asked_once_and_pays_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(OURS)
    desk.claimed = [peer(OUR_CHAIN, LAST, view=LAST + 3)]
    await desk.run_for(AHEAD_POLLS * POLL_S - POLL_S / 2)
    assert desk.asked == []
    await desk.run_for(4 * POLL_S)
    assert (desk.asked, desk.charges) == ([LAST], [])
    ahead = Desk(THEIRS)
    ahead.claimed = desk.claimed
    await ahead.run_for((AHEAD_POLLS + 2) * POLL_S)
    assert proven(ahead) == [PARTED]


async def test_a_decision_of_another_chain_halts_us_though_its_sender_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.claimed, desk.answers = [peer(OUR_CHAIN, LAST)], False
    assert not await desk.watch.suspects("p", OURS[8])
    assert await desk.watch.suspects("p", THEIRS[8])
    await desk.run_for(4 * POLL_S)
    assert proven(desk) == [8]
    assert desk.charges == []


async def test_a_gossiped_decision_of_another_chain_halts_us(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.claimed = [peer(OUR_CHAIN, LAST)]
    desk.watch.told("p", THEIRS[8])
    assert desk.read == [], "nobody has signed it, perhaps: it costs nothing yet"
    await desk.run_for(4 * POLL_S)
    assert proven(desk) == [PARTED]


async def test_decisions_of_any_number_cost_one_read_a_peer_and_poll(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A few bytes that nobody signed have us read decisions of 2 MB, where sets are large."""
    desk = Desk(OURS)
    for _ in range(50):
        desk.watch.told("p", OURS[LAST])  # decided a moment ago: late copies of it are honest
        desk.watch.told("p", far(THEIRS[LAST]))
    await desk.run_for(1.5 * POLL_S)
    assert desk.read == []
    for number in range(1, LAST):
        desk.watch.told("p", OURS[number])
        desk.watch.told("q", OURS[number])
    await desk.run_for(1.5 * POLL_S)
    assert desk.read == [1, 1]
    assert (desk.events, desk.charges, desk.asked) == ([], [], [])


async def test_who_waits_to_be_weighed_is_bounded() -> None:
    desk = Desk(OURS)
    for number in range(2 * FORK_QUESTIONS_AT_ONCE):
        desk.watch.told(f"peer {number}", THEIRS[8])
    assert len(desk.watch._told) == FORK_QUESTIONS_AT_ONCE


def far(shown: Decision) -> Decision:
    """Of a number and a height that we have not reached: nothing here can be compared with it."""
    checkpoint = replace(shown.checkpoint, number=LAST + 2, block_height=LAST + 2)
    return Decision(checkpoint, replace(shown.certificate, block_id=checkpoint.id))
