"""Lays decisions of the hard lane beside those of peers: two that exclude each other are a fork.

Votes and certificates of another chain name ballots that never began here, so nothing in them can
be verified. A decision can: its own parent names its ballot, and its voters are those of its epoch,
which both chains have in common if they parted in that epoch or in the one before.
"""

import logging
from collections import OrderedDict

import trio

from aichain.chain import Chain
from aichain.node.certificates import verify_certificate
from aichain.node.context import NodeContext
from aichain.node.lanes.engine import LaneEngine
from aichain.node.own_ids import OwnIds
from consensus.electorate import Electorate
from consensus.errors import InvalidCertificate
from consensus.lanes.events import HardForkProven
from consensus.lanes.forks import first_fork
from consensus.lanes.messages import Decision
from consensus.lanes.voters import EpochVoters, ballot_name
from genesis.epochs import first_height
from genesis.limits import FORK_QUESTIONS_AT_ONCE, FORK_QUESTIONS_REMEMBERED
from native.errors import InvalidSignature
from native.hashing import ZERO_HASH, Hash32
from p2p.errors import Penalty, RequestFailed
from p2p.network import PeerView
from p2p.wire.messages import GetDecisions

log = logging.getLogger(__name__)

POLL_S = 0.25
AHEAD_POLLS = 4
REQUEST_TIMEOUT_S = 5.0
EXPLANATION_TIMEOUT_S = 10.0
"""For all questions to one peer: a search by halves asks several."""


class LaneForkWatch:
    """Asks a peer that seems to be on another chain for what it decided, once for each number."""

    def __init__(self, engine: LaneEngine, chain: Chain, context: NodeContext) -> None:
        self._engine = engine
        self._chain = chain
        self._context = context
        self._epoch_blocks = chain.document.consensus.epoch_blocks
        self._asked: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._asking: set[str] = set()
        self._ours = OwnIds(chain)
        self._disk = trio.CapacityLimiter(1)
        self._told: dict[str, Decision] = {}
        self._shown: dict[str, Decision] = {}
        self._at_one: dict[str, tuple[Hash32, Hash32]] = {}
        self._ahead: dict[str, int] = {}

    async def run(self) -> None:
        """Look at what peers claim until cancelled, and ask them all at once: who could halt us
        is soon gone itself, and others may never answer."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._weigh_what_was_told)
            while True:
                await trio.sleep(POLL_S)
                if self._engine.state.halted is not None:
                    continue
                peers = self._context.network.peers()
                self._forget(peers)
                for peer in peers:
                    is_ahead, is_foreign = self._stays_ahead(peer), self._is_foreign(peer)
                    suspect = peer.peer_id in self._shown or is_foreign or is_ahead
                    if suspect and self._may_ask(peer):
                        self._asking.add(peer.peer_id)
                        nursery.start_soon(self._ask_alone, peer, is_foreign)

    def told(self, peer: str, decision: Decision) -> None:
        """By gossip, of a decision that is not of our ballot, and that perhaps nobody signed.

        Ours of about that number are on the disk, megabytes each where sets are large. So what we
        have just decided, and what comes too early to be compared, is dropped here, and of each
        peer one waits until it is weighed.
        """
        checkpoint, state = decision.checkpoint, self._engine.state
        is_reached = (
            checkpoint.number <= state.number
            or checkpoint.block_height <= self._chain.head.head.height
        )
        is_ours = checkpoint.id == state.checkpoint.id
        if is_reached and not is_ours and len(self._told) < FORK_QUESTIONS_AT_ONCE:
            self._told.setdefault(peer, decision)

    async def _weigh_what_was_told(self) -> None:
        while True:
            await trio.sleep(POLL_S)
            told, self._told = self._told, {}
            for peer, decision in told.items():
                await self.suspects(peer, decision)

    async def suspects(self, peer: str, decision: Decision) -> bool:
        """Whether a decision that is not of our ballot excludes one of ours, if true.

        Then the peer is asked for earlier ones, and the node halts.
        """
        if not await self._excludes(decision):
            return False
        self.leads_elsewhere(peer, decision)
        return True

    def leads_elsewhere(self, peer: str, decision: Decision) -> None:
        """Told of one whose blocks do not lie on ours, whatever its number is."""
        if len(self._shown) < FORK_QUESTIONS_AT_ONCE:
            self._shown.setdefault(peer, decision)

    async def judge(self, peer: str, number: int, *, claims: bool) -> bool:
        """Have it show another checkpoint than ours at `number` or before; True halts the lanes.

        A peer that `claims` another chain and does not show it is charged.
        """
        try:
            fork = await self._explain(peer, number)
            if fork is not None:
                await self._require_true(fork)
                log.error("%s has another checkpoint %d: a fork", peer, fork.checkpoint.number)
                self._engine.post(HardForkProven(fork.certificate, self._context.clock.now_ms()))
                return True
            reason, penalty = "a chain it does not show", Penalty.MALFORMED
        except (InvalidCertificate, InvalidSignature) as error:
            self._context.network.penalize(peer, Penalty.FORGED, str(error))
            return False
        except (RequestFailed, trio.TooSlowError) as error:
            log.info("%s did not answer for its chain: %s", peer, str(error) or "too slow")
            reason, penalty = "does not answer for its chain", Penalty.NUISANCE
        if claims:
            self._context.network.penalize(peer, penalty, reason)
        return False

    # --- whom to ask ----------------------------------------------------------------------------

    def _may_ask(self, peer: PeerView) -> bool:
        if peer.peer_id in self._asking or len(self._asking) >= FORK_QUESTIONS_AT_ONCE:
            return False
        key = peer.peer_id, self._number_to_ask(peer)
        if key in self._asked and peer.peer_id not in self._shown:
            return False
        self._asked[key] = None
        while len(self._asked) > FORK_QUESTIONS_REMEMBERED:
            self._asked.popitem(last=False)
        return True

    def _number_to_ask(self, peer: PeerView) -> int:
        """The last checkpoint that both have decided, as far as we know."""
        shown = self._shown.get(peer.peer_id)
        theirs = max(peer.view - 1, 0 if shown is None else shown.checkpoint.number)
        return min(self._engine.state.number - 1, theirs)

    def _stays_ahead(self, peer: PeerView) -> bool:
        """Whether it has decided more than we have, and not only a moment before us."""
        is_ahead = peer.view > self._engine.state.number
        self._ahead[peer.peer_id] = self._ahead.get(peer.peer_id, 0) + 1 if is_ahead else 0
        return self._ahead[peer.peer_id] >= AHEAD_POLLS

    async def _ask_alone(self, peer: PeerView, is_foreign: bool) -> None:
        name = peer.peer_id
        try:
            await self.judge(name, self._number_to_ask(peer), claims=is_foreign)
        finally:
            self._asking.discard(name)
            self._shown.pop(name, None)

    def _is_foreign(self, peer: PeerView) -> bool:
        """Whether its last hard block, or the one its epoch began on, is another one than ours."""
        claimed = peer.final_id, peer.anchor_id
        if self._at_one.get(peer.peer_id) == claimed:
            return False
        if self._differs(peer.final_height, peer.final_id):
            return True
        has_begun = peer.epoch <= self._engine.state.ballot.instance.epoch
        if has_begun and self._differs(peer.epoch * self._epoch_blocks, peer.anchor_id):
            return True
        if peer.final_height <= self._chain.head.head.height:
            self._at_one[peer.peer_id] = claimed
        return False

    def _differs(self, height: int, block_id: Hash32) -> bool:
        return block_id != ZERO_HASH and self._ours.differ_from(height, block_id)

    def _forget(self, peers: tuple[PeerView, ...]) -> None:
        connected = {peer.peer_id for peer in peers}
        for gone in [name for name in self._ahead if name not in connected]:
            del self._ahead[gone]
            self._at_one.pop(gone, None)
        for gone in [name for name in self._shown if name not in connected | self._asking]:
            del self._shown[gone]

    # --- what it says ---------------------------------------------------------------------------

    async def _explain(self, peer: str, number: int) -> Decision | None:
        """The first that it answers with; what it has shown unasked, if it does not answer."""
        shown = self._shown.get(peer)
        try:
            with trio.fail_after(EXPLANATION_TIMEOUT_S):
                return await self._first_fork(peer, number) or shown
        except (RequestFailed, trio.TooSlowError):
            if shown is None:
                raise
            return shown

    async def _first_fork(self, peer: str, number: int) -> Decision | None:
        """Of its decisions up to `number` the first that excludes one of ours, by halves."""
        low, high = 0, number
        found = await self._ask(peer, number) if number > 0 else None
        while found is not None and high - low > 1:
            middle = (low + high) // 2
            earlier = await self._ask(peer, middle)
            if earlier is None:
                low = middle
            else:
                found, high = earlier, middle
        return found

    async def _ask(self, peer: str, number: int) -> Decision | None:
        """The first that it keeps from `number` on, if that is not of our chain."""
        network = self._context.network
        answer = await network.request(peer, GetDecisions(number, 1), REQUEST_TIMEOUT_S)
        theirs = answer.decisions[0] if answer.decisions else None
        if theirs is None or theirs.checkpoint.number < number:
            return None
        return theirs if await self._excludes(theirs) else None

    async def _excludes(self, theirs: Decision) -> bool:
        """By number and parent; by its block, where we have not kept those of about that number."""
        checkpoint = theirs.checkpoint
        if self._differs(checkpoint.block_height, checkpoint.block_id):
            return True
        near = await self._context.run_blocking(self._near, checkpoint.number, limiter=self._disk)
        return first_fork(near, [theirs]) is not None

    def _near(self, number: int) -> list[Decision]:
        """Ours that can be compared with one of that number, as far as they are kept. Blocking."""
        near: list[Decision] = []
        for decision in self._chain.decisions.from_number(max(1, number - 1)):
            if decision.checkpoint.number > number + 1:
                break
            near.append(decision)
        return near

    async def _require_true(self, decision: Decision) -> None:
        """InvalidCertificate or InvalidSignature unless a quorum that both chains have made it."""
        checkpoint, final = decision.checkpoint, decision.certificate
        if checkpoint.epoch > self._engine.state.ballot.instance.epoch:
            raise InvalidCertificate("a decision of an epoch that has not begun")
        if checkpoint.epoch < self._chain.blocks.first_set:
            raise InvalidCertificate("a decision of an epoch before our chain begins")
        height = first_height(checkpoint.epoch, self._epoch_blocks)
        validators = self._chain.blocks.validators_at(height)
        electorate = Electorate.of(validators, checkpoint.epoch, ZERO_HASH)
        voters = EpochVoters(electorate, ZERO_HASH, 1)
        name = ballot_name(checkpoint, voters, genesis_hash=self._chain.document.hash)
        if final.instance_id != name:
            raise InvalidCertificate("a decision of other voters than those of its epoch")
        await verify_certificate(final, electorate, validators, self._context.verifier)
