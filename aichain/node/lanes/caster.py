"""Signs, sends, and tells the lanes what they have signed themselves."""

from aichain.node.anchor_votes import AnchorVotes
from aichain.node.context import NodeContext
from aichain.node.lanes.ballots import LaneBallots
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.instances import Instances, Seating
from aichain.node.lanes.relay import Relay
from aichain.node.producer import Producer
from consensus.certificates import QuorumCertificate
from consensus.core.events import ProposalAccepted, VoteAccepted
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.events import CheckpointProposed, CloseAccepted
from consensus.lanes.messages import CheckpointMessage, TermProposal
from consensus.lanes.proofs import CheckpointProof
from consensus.lanes.records import TermClosed
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Lane, Vote, VotePhase
from genesis.units import Address
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import LaneVote


class Caster:
    """Each call signs what is in the log already, and comes back as an event."""

    def __init__(
        self,
        engine: LaneEngine,
        ballots: LaneBallots,
        instances: Instances,
        producer: Producer,
        anchors: AnchorVotes,
        relay: Relay,
        context: NodeContext,
        validator: Address,
    ) -> None:
        self._engine = engine
        self._ballots = ballots
        self._instances = instances
        self._producer = producer
        self._anchors = anchors
        self._relay = relay
        self._network = context.network
        self._metrics = context.metrics
        self._clock = context.clock
        self._validator = validator
        self._closes: dict[Hash32, CloseMessage] = {}

    async def cast_vote(self, vote: Vote, epoch: int) -> None:
        """Votes of a term go to its seats and to who passes them on, others to all validators."""
        seating = self._instances.named(vote.instance_id)
        assert seating is not None, "we vote in instances that have begun"
        self._metrics.vote_cast(vote.phase.name.lower())
        if vote.phase is VotePhase.CANCEL:
            self._metrics.view_cancelled()
        signed = await self._ballots.sign_vote(vote, epoch, self._seat(seating))
        audience = audience_of(seating)
        if seating.lane is Lane.HARD:
            self._anchors.note(signed)
        else:
            audience = self._relay.audience(seating)
        self._network.push(LaneVote(seating.lane, seating.number, signed), audience)
        self._engine.post(VoteAccepted(signed, self._clock.now_ms()))

    async def cast_proposal(self, proposal: Proposal) -> None:
        """A block of our turn: everybody will need it."""
        signed = await self._ballots.sign_proposal(proposal)
        self.send_proposal(signed)
        self._engine.post(ProposalAccepted(signed, self._clock.now_ms()))

    def send_proposal(self, signed: SignedProposal) -> None:
        """A proposal of a block with the list of what it contains, to all validators."""
        seating = self._instances.named(signed.proposal.instance_id)
        message = self._producer.message_of(signed)
        if seating is not None and message is not None:
            block = TermProposal(seating.number, seating.instance.id, message)
            self._network.push(block, Audience.VALIDATORS)

    async def cast_checkpoint(
        self, proposal: Proposal, checkpoint: Checkpoint, proof: CheckpointProof | None
    ) -> None:
        """A checkpoint of our turn, with what allows it."""
        signed = await self._ballots.sign_proposal(proposal)
        self.send_checkpoint(signed, checkpoint, proof)
        now_ms = self._clock.now_ms()
        self._engine.post(CheckpointProposed(signed, checkpoint, proof, now_ms))

    def send_checkpoint(
        self, signed: SignedProposal, checkpoint: Checkpoint, proof: CheckpointProof | None
    ) -> None:
        """A checkpoint as it was proposed, to all validators."""
        message = CheckpointMessage.of(signed, checkpoint, proof)
        self._network.push(message, Audience.VALIDATORS)

    async def cast_close(self, record: TermClosed, notar: QuorumCertificate | None) -> bool:
        """Our word that we sign nothing more in a term; False where we have no seat.

        Gossip carries the same bytes only once in a while, so what is said again goes to our
        peers directly, and whoever had not heard it passes it on.
        """
        seating = self._instances.named(record.instance_id)
        assert seating is not None, "we close terms that have begun"
        seat = seating.instance.electorate.index_of(self._validator)
        if seat is None:
            return False
        message = self._closes.get(record.instance_id)
        if message is not None:
            self._network.push(message, Audience.VALIDATORS)
            return True
        message = CloseMessage(await self._ballots.sign_close(record, seating, seat), notar)
        living = [name for name in self._closes if self._instances.named(name) is not None]
        self._closes = {name: self._closes[name] for name in living}
        self._closes[record.instance_id] = message
        self._network.gossip(message)
        self._engine.post(CloseAccepted(message, self._clock.now_ms()))
        return True

    def _seat(self, seating: Seating) -> int:
        seat = seating.instance.electorate.index_of(self._validator)
        assert seat is not None, "only members vote"
        return seat


def audience_of(seating: Seating) -> Audience | frozenset[bytes]:
    """Who counts the votes of an instance."""
    return frozenset(seating.keys) if seating.lane is Lane.FAST else Audience.VALIDATORS
