"""Passes on what the others sign to peers that asked for it, once it is verified here.

Where all validators are connected nobody asks, and nothing is passed on.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio

from aichain.node.context import NodeContext
from aichain.node.lanes.deliveries import Place
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.instances import Seating
from aichain.node.lanes.upstream import Subscription, Upstream, of_bits
from consensus.lanes.filters import is_current
from consensus.lanes.messages import CheckpointMessage, TermProposal
from consensus.proposals import SignedProposal
from consensus.votes import Lane, SignedVote, VotePhase
from genesis.limits import RELAYED_PER_SLOT_MAX, RELAYED_SLOTS_MAX
from native.hashing import Hash32
from p2p.errors import RequestFailed
from p2p.wire.messages import LaneVote, Reach, Subscribe

_REPEATS_PER_RETRY: Final = 0.9

_Slot: TypeAlias = tuple[Hash32, int, VotePhase | None, int]
"""Instance, view, phase (None: a proposal) and author: what honest authors fill once."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A message of an open instance, and what it is about."""

    author: bytes
    lane: Lane
    number: int
    slot: _Slot
    block_id: Hash32
    message: LaneVote | TermProposal | CheckpointMessage

    @property
    def place(self) -> Place:
        """Where it stands among all that its author signs in this lane."""
        _, view, phase, _ = self.slot
        return self.number, view, phase or 0


class Relay:
    """Remembers what was passed on, so that each thing goes down each route once."""

    def __init__(self, engine: LaneEngine, upstream: Upstream, context: NodeContext) -> None:
        self._engine = engine
        self._upstream = upstream
        self._network = context.network
        self._electorates = context.electorates
        self._metrics = context.metrics
        delta_s = context.document.consensus.delta_ms / 1000
        self._repeat_s = _REPEATS_PER_RETRY * 4 * delta_s
        self._passed: OrderedDict[_Slot, dict[Hash32, float]] = OrderedDict()

    async def run(self) -> None:
        """Ask for what we lack until cancelled."""
        await self._upstream.run()

    def takes_part(self, seating: Seating) -> bool:
        """Whether we count the votes of an instance; what we only pass on we do not."""
        return seating.lane is Lane.HARD or self._upstream.own_key in seating.keys

    def audience(self, seating: Seating) -> frozenset[bytes]:
        """To whom our own votes of a term go: its seats, and those that pass them on to seats."""
        return frozenset(seating.keys).union(
            self._upstream.subscribers(Lane.FAST, self._upstream.own_key, "")
        )

    def subscribe(self, peer: str, request: Subscribe) -> Reach:
        """Take a validator's wish, in place of its last one, and say whom we hear."""
        self._upstream.refresh()
        key, epoch = self._upstream.key_of(peer), self._engine.state.ballot.instance.epoch
        if not self._upstream.own_key or key not in self._electorates.keys:
            raise RequestFailed(peer, "only validators are passed on to")
        if request.epoch != epoch:
            return Reach(epoch, b"")
        keys = self._upstream.keys
        ballots, terms = of_bits(request.ballots, keys), of_bits(request.terms, keys)
        wish = Subscription(key, ballots, terms, trio.current_time())
        return Reach(epoch, self._upstream.serve(peer, wish))

    def doubts(self, peer: str, signed: Signed) -> bool:
        """Whether a vote is worth verifying only to learn that its sender passes on."""
        return self._upstream.doubts(peer, signed.author, signed.lane, signed.place)

    def brought(self, peer: str, signed: Signed) -> None:
        """A peer brought a vote that was verified here."""
        self._upstream.brought(peer, signed.author, signed.lane, signed.place)

    def wants(self, peer: str, signed: Signed, vote: SignedVote) -> bool:
        """Whether a vote is worth verifying because others wait for it, also if our count is over.

        Its author says it again as long as it is stuck (R9). That goes down the routes again, in
        case the first copy was lost; it never comes back up, so it cannot go round.
        """
        if not self._upstream.subscribers(signed.lane, signed.author, peer):
            return False
        if not is_current(self._engine.state, vote):
            return False
        passed = self._passed.get(signed.slot, {})
        at = passed.get(signed.block_id)
        if at is None:
            return len(passed) < RELAYED_PER_SLOT_MAX
        is_due = trio.current_time() - at >= self._repeat_s
        return is_due and self._upstream.comes_down(peer, signed.author)

    def pass_on(self, peer: str, signed: Signed) -> None:
        """What was verified, to whom it may concern; not back to where it came from."""
        audience = self._upstream.subscribers(signed.lane, signed.author, peer)
        if not audience:
            return
        passed, now = self._passed.setdefault(signed.slot, {}), trio.current_time()
        at = passed.get(signed.block_id)
        if at is None and len(passed) >= RELAYED_PER_SLOT_MAX:
            return
        if at is not None and now - at < self._repeat_s:
            return
        passed[signed.block_id] = now
        while len(self._passed) > RELAYED_SLOTS_MAX:
            self._passed.popitem(last=False)
        self._metrics.relayed(self._network.push(signed.message, audience))


def signed_vote(seating: Seating, vote: SignedVote) -> Signed | None:
    """A vote as it is passed on; None if no such voter exists."""
    if vote.voter_index >= len(seating.keys):
        return None
    place = vote.vote
    slot = (place.instance_id, place.view, place.phase, vote.voter_index)
    message = LaneVote(seating.lane, seating.number, vote)
    author = seating.keys[vote.voter_index]
    return Signed(author, seating.lane, seating.number, slot, place.block_id, message)


def signed_proposal(
    seating: Seating, signed: SignedProposal, message: TermProposal | CheckpointMessage
) -> Signed:
    """A block or a checkpoint, which all validators need."""
    proposal = signed.proposal
    slot = (proposal.instance_id, proposal.view, None, proposal.proposer_index)
    author = seating.keys[proposal.proposer_index]
    return Signed(author, Lane.HARD, seating.number, slot, proposal.block.id, message)
