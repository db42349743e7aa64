"""Messages whose epoch or term is over, and forgotten, when their signatures have been verified.

A node that syncs passes epochs faster than it verifies: it must not stop at what it looks up late.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import trio
import trio.testing

from consensus.certificates import QuorumCertificate
from consensus.lanes.proofs import WaitedOut
from consensus.votes import VOTE_CONTEXT, ReceivedVote, Vote, VotePhase
from genesis.networks import founder_key
from native.hashing import Hash32
from native.signatures import SignatureItem
from tests.integration.lane_nodes import lane_cluster, lanes_of
from tests.integration.liars import lied_to
from tests.integration.nodes import RunningNode, until
from tests.integration.test_bad_proposals import proposal_of
from tests.integration.test_lane_proposals import checkpoint_of

EPOCHS_LATER = 9


class Verifier:
    """Finds everything true; many epochs have passed until then."""

    def __init__(self, victim: RunningNode) -> None:
        self._victim = victim
        self.verified = 0

    async def verify_consensus(self, items: Sequence[SignatureItem]) -> list[bool]:
        await self.pass_epochs()
        self.verified += len(items)
        return [True] * len(items)

    async def pass_epochs(self) -> None:
        inbound: Any = self._victim.node.inbound
        later = SimpleNamespace(epoch=self._victim.node.engine.state.epoch + EPOCHS_LATER)
        inbound._engine = SimpleNamespace(state=later, offer=lambda _event: True)
        electorates: Any = self._victim.node.context.electorates
        electorates._known.clear()
        electorates._chain = SimpleNamespace(head=SimpleNamespace(epoch=lambda _number: None))


async def test_a_proposal_that_is_verified_too_late_is_let_go(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        inbound: Any = victim.node.inbound
        verifier = inbound._verifier = Verifier(victim)
        message = proposal_of(victim, None, ahead=1)
        await inbound._take_proposal(liar.network.peer_id, message)
        assert verifier.verified == 1
        assert not inbound.clock_watch._sightings


async def test_a_vote_that_waits_for_its_turn_is_verified_with_the_key_of_its_epoch(
    tmp_path: Path,
) -> None:
    async with lied_to(tmp_path) as (_, victim, liar):
        inbound: Any = victim.node.inbound
        verifier = inbound._verifier = Verifier(victim)
        state, slots = victim.node.engine.state, inbound._reception._slots
        vote = Vote(
            state.instance.id,
            VotePhase.PREFER,
            state.view + 1,
            state.final.height + 1,
            Hash32(b"x" * 32),
        )
        signature = founder_key("testnet", 0).sign(vote.signing_bytes, VOTE_CONTEXT)
        received = ReceivedVote(
            state.epoch, vote.phase, vote.view, vote.height, vote.block_id, 0, signature
        )
        while slots.value:
            slots.acquire_nowait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbound._take_vote, liar.network.peer_id, received, nursery)
            await trio.testing.wait_all_tasks_blocked()
            await verifier.pass_epochs()
            slots.release()
        assert verifier.verified == 1


class Told:
    """A relay that only counts; it is told of what was verified before the lanes are."""

    def __init__(self) -> None:
        self.passed_on = 0

    def pass_on(self, *_message: object) -> None:
        self.passed_on += 1


async def test_a_checkpoint_that_is_verified_too_late_is_let_go(tmp_path: Path) -> None:
    async with lane_cluster(tmp_path, 1) as net:
        victim = await net.start(0)
        await until(lambda: victim.height >= 2)
        inbound: Any = victim.node.inbound
        (term, *_), proposed = lanes_of(victim).terms, checkpoint_of(victim)
        checkpoint = proposed.checkpoint
        notar = QuorumCertificate(
            term.instance.id,
            term.instance.epoch,
            VotePhase.PREFER,
            1,
            checkpoint.block_height,
            checkpoint.block_id,
            b"\x01",
            (bytes(3_309),),
        )

        class Late:
            async def verify_consensus(self, items: Sequence[SignatureItem]) -> list[bool]:
                await trio.lowlevel.checkpoint()
                inbound._instances._by_id.clear()
                return [True] * len(items)

        inbound._verifier, inbound._relay = Late(), Told()
        await inbound._take_checkpoint("peer", replace(proposed, proof=WaitedOut(notar)))
        assert inbound._relay.passed_on == 0
