"""Notices a chain beside ours, by the blocks that peers name.

Whoever is on it signs for instances that we do not know if it parted before the running epoch, so
nothing that it says of the present can be verified here. But it names the block its epoch began on
and its last final one, and where that is not ours, one of its anchors or this block was made final
by an electorate that both chains have in common: that can be verified.
"""

import logging
from collections import OrderedDict

import trio

from aichain.chain import Chain
from aichain.node.certificates import verify_certificate
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.own_ids import OwnIds
from consensus.core.events import ForkProven
from consensus.electorate import Electorate
from consensus.errors import InvalidCertificate
from consensus.instance import instance_id
from consensus.light import Finality
from consensus.votes import VotePhase
from genesis.limits import FORK_QUESTIONS_AT_ONCE, FORK_QUESTIONS_REMEMBERED
from native.errors import InvalidSignature
from native.hashing import ZERO_HASH, Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.network import PeerView
from p2p.wire.messages import GetFinality

log = logging.getLogger(__name__)

POLL_S = 0.25
REQUEST_TIMEOUT_S = 5.0
EXPLANATION_TIMEOUT_S = 10.0
"""For all questions to one peer: a search by halves asks several."""


class ForkWatch:
    """Asks a peer that says it is on another chain to show it, once for each block it names."""

    def __init__(self, engine: Engine, chain: Chain, context: NodeContext) -> None:
        self._engine = engine
        self._chain = chain
        self._context = context
        self._epoch_blocks = chain.document.consensus.epoch_blocks
        self._asked: OrderedDict[tuple[str, int], bool] = OrderedDict()
        self._asking: set[str] = set()
        self._ours = OwnIds(chain)

    async def run(self) -> None:
        """Look at what peers claim until cancelled, and ask them all at once: who could halt us
        is soon gone itself, and others may never answer."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(POLL_S)
                for peer in self._context.network.peers():
                    height = self._contested(peer)
                    if height is not None and self._may_ask(peer.peer_id, height):
                        self._asking.add(peer.peer_id)
                        nursery.start_soon(self._ask_alone, peer.peer_id, height)

    def _contested(self, peer: PeerView) -> int | None:
        """The height of a block that it names, and that is another one here: where its epoch began,
        or its last final one. Who halted names the one that halted it."""
        if self.is_foreign(peer):
            return peer.epoch * self._epoch_blocks
        return peer.final_height if self._differs(peer.final_height, peer.final_id) else None

    def _may_ask(self, peer: str, height: int) -> bool:
        if peer in self._asking or len(self._asking) >= FORK_QUESTIONS_AT_ONCE:
            return False
        return (peer, height) not in self._asked

    async def _ask_alone(self, peer: str, height: int) -> None:
        try:
            await self._ask_once(peer, height)
        finally:
            self._asking.discard(peer)

    async def explains(self, peer: str, epoch: int) -> bool:
        """Whether a fork before `epoch` may be why its signatures of that epoch are none here.

        It is asked once, and until it has answered nothing is held against it.
        """
        return epoch > 0 and await self._ask_once(peer, epoch * self._epoch_blocks)

    async def _ask_once(self, peer: str, height: int) -> bool:
        key = peer, height
        if key in self._asked:
            return self._asked[key]
        self._asked[key] = True
        while len(self._asked) > FORK_QUESTIONS_REMEMBERED:
            self._asked.popitem(last=False)
        self._asked[key] = await self.judge(peer, height)
        return self._asked[key]

    def is_foreign(self, peer: PeerView) -> bool:
        """Whether its epoch began on another block than ours of that number."""
        if peer.epoch > self._engine.state.epoch:
            return False
        return self._differs(peer.epoch * self._epoch_blocks, peer.anchor_id)

    def _differs(self, height: int, block_id: Hash32) -> bool:
        return block_id != ZERO_HASH and self._ours.differ_from(height, block_id)

    async def judge(self, peer: str, height: int) -> bool:
        """Have it prove another block at `height` than ours; True halts the core.

        A peer that claims such a block and cannot show it is charged, and so is one that is late.
        """
        try:
            with trio.fail_after(EXPLANATION_TIMEOUT_S):
                claim = await self._first_difference(peer, height)
            if claim is not None and await self._is_final(claim):
                log.error("%s has block %d of another chain: a fork", peer, claim.height)
                now_ms = self._context.clock.now_ms()
                self._engine.post(ForkProven(claim.certificate, now_ms))
                return True
            self._context.network.penalize(peer, Penalty.MALFORMED, "a chain it does not show")
        except (InvalidCertificate, InvalidSignature) as error:
            self._context.network.penalize(peer, Penalty.FORGED, str(error))
        except (RequestFailed, trio.TooSlowError) as error:
            log.info("%s did not answer for its chain: %s", peer, str(error) or "too slow")
            self._context.network.penalize(peer, Penalty.NUISANCE, "does not answer for its chain")
        return False

    async def _first_difference(self, peer: str, height: int) -> Finality | None:
        """Of its anchors up to `height` the first that is not ours, by halves; else `height`."""
        low, high = 0, height // self._epoch_blocks
        found = await self._ask(peer, high * self._epoch_blocks) if high else None
        if found is None and height % self._epoch_blocks:
            return await self._ask(peer, height)
        while found is not None and high - low > 1:
            middle = (low + high) // 2
            claim = await self._ask(peer, middle * self._epoch_blocks)
            if claim is None:
                low = middle
            else:
                found, high = claim, middle
        return found

    async def _ask(self, peer: str, height: int) -> Finality | None:
        """Its proof of a block at `height` that is not ours, None if it has none."""
        question = GetFinality(height)
        answer = await self._context.network.request(peer, question, REQUEST_TIMEOUT_S)
        claim, ours = answer.finality, self._ours.at(height)
        if claim is None or ours is None or claim.headers[-1].height != height:
            return None
        return claim if claim.headers[-1].id != ours else None

    async def _is_final(self, claim: Finality) -> bool:
        """A quorum of a set that both chains have made a block final that is not on ours."""
        certificate, child = claim.certificate, None
        for header in claim.headers:
            follows = child is None or (child.parent_id, child.height) == (
                header.id,
                header.height + 1,
            )
            if not follows:
                return False
            child = header
        if certificate.phase is not VotePhase.COMMIT:
            return False
        has_begun = certificate.epoch <= self._engine.state.epoch
        start = self._ours.at(certificate.epoch * self._epoch_blocks) if has_begun else None
        if start is None:
            return False
        if certificate.block_id != claim.headers[0].id:
            return False
        voters = self._chain.blocks.validators_at(claim.headers[-1].height)
        genesis_hash = self._chain.document.hash
        name = instance_id(genesis_hash, certificate.epoch, voters.hash, start)
        if certificate.instance_id != name:
            return False
        electorate = Electorate.of(voters, certificate.epoch, ZERO_HASH)
        await verify_certificate(certificate, electorate, voters, self._context.verifier)
        return True
