"""Chains that parted before the running epoch: who can show one halts us, who cannot is charged."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from aichain.node.fork_watch import EXPLANATION_TIMEOUT_S, POLL_S, REQUEST_TIMEOUT_S, ForkWatch
from consensus.core.events import ForkProven
from consensus.light import Finality
from consensus.votes import VotePhase
from genesis.limits import FORK_QUESTIONS_AT_ONCE
from native.batch import verify_many
from native.hashing import ZERO_HASH, Hash32
from native.signatures import SignatureItem
from p2p.errors import Penalty, RequestFailed
from p2p.wire.messages import FinalityClaim, GetFinality
from tests.builders_light import EPOCH_BLOCKS, FOUR, GENESIS_HASH, LightChain, with_signature

PARTED, EPOCH = 6, 5


def grown(salt: int) -> LightChain:
    """Blocks 0 to 5 are common: chains of different salts part in the second epoch."""
    chain = LightChain.of(PARTED - 1)
    chain.salt = salt
    chain.extend((EPOCH + 1) * EPOCH_BLOCKS)
    return chain


OURS, THEIRS = grown(1), grown(2)
Bend = Callable[[Finality], Finality]


class Desk:
    """A watch on our chain, and peers: some never answer, the others do from another chain."""

    def __init__(self, theirs: LightChain | None, bend: Bend = lambda claim: claim) -> None:
        self.events: list[Any] = []
        self.charges: list[Penalty] = []
        self.asked: list[int] = []
        self.claimed: list[Any] = []
        self.waits_s: dict[str, float] = {}
        self.most_open = 0
        self._open: list[str] = []
        self._theirs, self._bend = theirs, bend
        self.headers = dict(enumerate(OURS.headers))
        blocks = SimpleNamespace(header_at=self.headers.get, validators_at=lambda height: FOUR)
        consensus = SimpleNamespace(epoch_blocks=EPOCH_BLOCKS)
        document = SimpleNamespace(hash=GENESIS_HASH, consensus=consensus)
        self.head = SimpleNamespace(head=OURS.headers[-1])
        chain: Any = SimpleNamespace(blocks=blocks, document=document, head=self.head)
        state = SimpleNamespace(epoch=EPOCH)
        engine: Any = SimpleNamespace(state=state, post=self.events.append)
        context: Any = SimpleNamespace(
            network=self, verifier=self, clock=SimpleNamespace(now_ms=lambda: 7)
        )
        self.watch = ForkWatch(engine, chain, context)

    def peers(self) -> list[Any]:
        return self.claimed

    async def request(self, peer: str, question: GetFinality, timeout_s: float) -> FinalityClaim:
        self.asked.append(question.height)
        assert peer not in self._open
        self._open.append(peer)
        self.most_open = max(self.most_open, len(self._open))
        try:
            await trio.sleep(min(timeout_s, self.waits_s.get(peer, 0)))
        finally:
            self._open.remove(peer)
        if self.waits_s.get(peer, 0) > timeout_s:
            raise RequestFailed(peer=peer, reason="too slow")
        known = self._theirs
        return FinalityClaim(None if known is None else self._bend(known.finality(question.height)))

    def penalize(self, _peer: str, penalty: Penalty, _reason: str) -> None:
        self.charges.append(penalty)

    async def verify_consensus(self, items: Iterable[SignatureItem]) -> list[bool]:
        return list(verify_many(list(items)))


def peer(
    epoch: int, anchor_id: Hash32, name: str = "p", *, final: tuple[int, Hash32] = (0, ZERO_HASH)
) -> Any:
    height, final_id = final
    return SimpleNamespace(
        peer_id=name, epoch=epoch, anchor_id=anchor_id, final_height=height, final_id=final_id
    )


def anchor(chain: LightChain, epoch: int) -> Hash32:
    return chain.headers[epoch * EPOCH_BLOCKS].id


async def test_the_first_anchor_that_differs_proves_the_fork() -> None:
    """The chains parted in epoch 1, whose electorate and start both have in common."""
    desk = Desk(THEIRS)
    assert await desk.watch.explains("p", EPOCH)
    (event,) = desk.events
    assert isinstance(event, ForkProven)
    assert (event.certificate.epoch, event.certificate.height) == (1, 2 * EPOCH_BLOCKS)
    assert desk.charges == []
    assert len(desk.asked) <= 4


async def test_a_peer_is_asked_once_an_epoch() -> None:
    desk = Desk(OURS)
    for _ in range(3):
        assert not await desk.watch.explains("p", EPOCH)
    assert desk.asked == [EPOCH * EPOCH_BLOCKS]
    assert desk.charges == [Penalty.MALFORMED]
    assert not await desk.watch.explains("p", 0)
    assert len(desk.asked) == 1


def forged(claim: Finality) -> Finality:
    return with_signature(claim, bytes(3_309))


def too_few(claim: Finality) -> Finality:
    return THEIRS.finality(claim.height, voters=(0, 1))


def preferred(claim: Finality) -> Finality:
    return THEIRS.finality(claim.height, phase=VotePhase.PREFER)


def of_another_block(claim: Finality) -> Finality:
    return replace(claim, certificate=THEIRS.finality(claim.height - 1).certificate)


@pytest.mark.parametrize(
    ("bend", "charge"),
    [
        (forged, Penalty.FORGED),
        (too_few, Penalty.FORGED),
        (preferred, Penalty.MALFORMED),
        (of_another_block, Penalty.MALFORMED),
    ],
)
async def test_a_fork_that_nobody_signed_is_charged(bend: Bend, charge: Penalty) -> None:
    desk = Desk(THEIRS, bend)
    assert not await desk.watch.explains("p", EPOCH)
    assert (desk.events, desk.charges) == ([], [charge])


async def test_a_claim_without_a_proof_is_charged() -> None:
    desk = Desk(None)
    assert not await desk.watch.judge("p", EPOCH * EPOCH_BLOCKS)
    assert (desk.events, desk.charges) == ([], [Penalty.MALFORMED])


async def test_within_the_first_epoch_any_height_is_a_proof() -> None:
    desk = Desk(THEIRS)
    assert await desk.watch.judge("p", EPOCH_BLOCKS + 2)
    assert len(desk.events) == 1


def test_who_names_another_anchor_is_on_another_chain() -> None:
    watch = Desk(THEIRS).watch
    assert watch.is_foreign(peer(3, anchor(THEIRS, 3)))
    assert not watch.is_foreign(peer(3, anchor(OURS, 3)))
    assert not watch.is_foreign(peer(1, anchor(THEIRS, 1)))
    assert not watch.is_foreign(peer(3, ZERO_HASH))
    assert not watch.is_foreign(peer(EPOCH + 1, anchor(THEIRS, EPOCH + 1)))


def test_an_anchor_that_is_not_written_yet_is_compared_once_it_is() -> None:
    """The core enters an epoch before the block that it begins on is on the disk."""
    desk, height = Desk(THEIRS), EPOCH * EPOCH_BLOCKS
    before, last = desk.headers.pop(height), desk.head.head
    desk.head.head = desk.headers[height - 1]
    theirs, ours = peer(EPOCH, anchor(THEIRS, EPOCH)), peer(EPOCH, anchor(OURS, EPOCH))
    assert not desk.watch.is_foreign(theirs)
    assert not desk.watch.is_foreign(ours)
    desk.headers[height], desk.head.head = before, last
    assert desk.watch.is_foreign(theirs)
    assert not desk.watch.is_foreign(ours)


async def watch_for(desk: Desk, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await desk.watch.run()


def stalling(count: int) -> list[Any]:
    return [peer(EPOCH, anchor(THEIRS, EPOCH), f"mute {index}") for index in range(count)]


async def test_peers_that_never_answer_do_not_hide_the_one_that_shows_the_fork(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.claimed = [*stalling(FORK_QUESTIONS_AT_ONCE - 1), peer(EPOCH, anchor(THEIRS, EPOCH))]
    desk.waits_s = {each.peer_id: 3_600 for each in desk.claimed[:-1]}
    await watch_for(desk, POLL_S + REQUEST_TIMEOUT_S / 2)
    assert [type(event) for event in desk.events] == [ForkProven]


async def test_so_many_are_asked_at_once_and_each_one_thing_at_a_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.claimed = stalling(FORK_QUESTIONS_AT_ONCE + 1)
    desk.claimed[1:1] = [peer(3, anchor(THEIRS, 3), "mute 0")]
    desk.waits_s = {each.peer_id: 3_600 for each in desk.claimed}
    await watch_for(desk, 4 * REQUEST_TIMEOUT_S)
    assert desk.most_open == FORK_QUESTIONS_AT_ONCE
    assert len(desk.asked) == FORK_QUESTIONS_AT_ONCE + 2


async def test_a_peer_that_does_not_answer_pays_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.waits_s = {"p": 3_600}
    assert not await desk.watch.explains("p", EPOCH)
    assert desk.charges == [Penalty.NUISANCE]


async def test_all_its_answers_together_have_their_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(THEIRS)
    desk.waits_s = {"p": REQUEST_TIMEOUT_S - 1}
    began_s = trio.current_time()
    assert not await desk.watch.explains("p", EPOCH)
    assert trio.current_time() - began_s == EXPLANATION_TIMEOUT_S
    assert desk.charges == [Penalty.NUISANCE]


@pytest.mark.parametrize("height", [PARTED, PARTED + 1, 2 * EPOCH_BLOCKS + 1])
async def test_who_names_another_final_block_is_asked_for_it(
    height: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Its epoch began on our block; or it has halted, and shows where it parted from us."""
    desk = Desk(THEIRS)
    desk.claimed = [peer(1, anchor(OURS, 1), final=(height, THEIRS.headers[height].id))]
    await watch_for(desk, 3 * POLL_S)
    assert [type(event) for event in desk.events] == [ForkProven]
    assert not desk.watch.is_foreign(desk.claimed[0]), "what it signs in this epoch still counts"


async def test_who_names_our_block_or_a_higher_one_is_asked_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk, top = Desk(THEIRS), len(OURS.headers)
    desk.claimed = [
        peer(1, anchor(OURS, 1), "level", final=(PARTED, OURS.headers[PARTED].id)),
        peer(1, anchor(OURS, 1), "ahead", final=(top, Hash32(b"h" * 32))),
        peer(0, ZERO_HASH, "new", final=(0, OURS.headers[0].id)),
    ]
    await watch_for(desk, 3 * POLL_S)
    assert desk.asked == []


async def test_a_block_that_it_cannot_show_is_asked_for_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(OURS)
    desk.claimed = [peer(1, anchor(OURS, 1), final=(PARTED, THEIRS.headers[PARTED].id))]
    await watch_for(desk, 5 * POLL_S)
    assert desk.charges == [Penalty.MALFORMED]
    desk.claimed = [peer(1, anchor(OURS, 1), final=(PARTED + 1, THEIRS.headers[PARTED + 1].id))]
    await watch_for(desk, 5 * POLL_S)
    assert desk.charges == [Penalty.MALFORMED] * 2, "each lie has its price"


def test_a_block_that_is_not_kept_is_looked_for_once() -> None:
    """Who joined by a snapshot has no old anchors; statuses are compared 500 times a second."""
    desk = Desk(THEIRS)
    looked: list[int] = []
    for height in range((EPOCH + 1) * EPOCH_BLOCKS):
        desk.headers.pop(height)
    blocks: Any = desk.watch._chain.blocks

    def header_at(height: int) -> None:
        looked.append(height)

    blocks.header_at = header_at
    for _ in range(100):
        assert not desk.watch.is_foreign(peer(EPOCH, anchor(THEIRS, EPOCH)))
        assert not desk.watch.is_foreign(peer(EPOCH - 1, anchor(THEIRS, EPOCH - 1)))
    assert looked == [EPOCH * EPOCH_BLOCKS, (EPOCH - 1) * EPOCH_BLOCKS]
