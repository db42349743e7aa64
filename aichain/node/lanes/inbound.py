"""Where peers' messages become events of the lanes, and where bad ones cost their sender."""

from dataclasses import replace

import trio

from aichain.node.anchor_votes import AnchorVotes
from aichain.node.bodies import Bodies, require_list
from aichain.node.charges import charge_refused
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.lanes.certificates import LaneCertificates
from aichain.node.lanes.engine import LaneEngine
from aichain.node.lanes.instances import Seating
from aichain.node.lanes.relay import Relay, signed_proposal, signed_vote
from aichain.node.pool import TransactionPool
from aichain.node.reception import Reception
from consensus.core.events import ProposalAccepted, VoteAccepted
from consensus.errors import (
    InvalidCertificate,
    InvalidProof,
    InvalidProposal,
)
from consensus.headers import block_ref
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.events import CheckpointProposed, CloseAccepted
from consensus.lanes.filters import is_wanted, wants_certificate, wants_close, wants_proposal
from consensus.lanes.messages import CheckpointMessage, Decision, TermProposal
from consensus.lanes.proofs import check_proof
from consensus.lanes.refusals import refusal_of_block, refusal_of_checkpoint
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, SignedProposal
from consensus.votes import VOTE_CONTEXT, Lane, SignedVote
from genesis.epochs import last_height
from native.errors import InvalidSignature
from native.hashing import blake3_256
from native.signatures import SignatureItem
from p2p.errors import Penalty
from p2p.network import GossipVerdict, Inbound
from p2p.wire.messages import (
    CertificateForwarded,
    FinalAnnounced,
    Gossiped,
    LaneCertificate,
    ReceivedLaneVote,
    Status,
    TransactionsAnnounced,
)
from vm.blocks import Header, decode_header


class LaneInbound:
    """One task reads; each vote, proposal and certificate is verified in a task of its own."""

    def __init__(
        self,
        engine: LaneEngine,
        certificates: LaneCertificates,
        bodies: Bodies,
        pool: TransactionPool,
        clock_watch: ClockWatch,
        relay: Relay,
        anchors: AnchorVotes | None,
        context: NodeContext,
    ) -> None:
        self._engine = engine
        self._instances = certificates.instances
        self._certificates = certificates
        self._anchors = anchors
        self._bodies = bodies
        self._pool = pool
        self.clock_watch = clock_watch
        self._context = context
        self._relay = relay
        self._verifier = context.verifier
        self._network = context.network
        self._metrics = context.metrics
        self._clock = context.clock
        self._in_flight: set[tuple[object, ...]] = set()
        self._reception = Reception(context)

    async def run(self) -> None:
        """Read until cancelled."""
        await self._reception.read(self._dispatch)

    async def judge_gossip(self, peer: str, message: Gossiped) -> GossipVerdict:
        """Pass on what holds and is new here. What is forged costs who passed it on."""
        match message:
            case CertificateForwarded(certificate):
                wanted = wants_certificate(self._engine.state, certificate)
                taken = wanted and await self._certificates.take(peer, certificate)
            case Decision():
                taken = await self._certificates.take_decision(peer, message)
            case CloseMessage():
                taken = await self._take_close(peer, message)
            case FinalAnnounced():
                return GossipVerdict.REJECT  # of a chain without lanes
        return GossipVerdict.ACCEPT if taken else GossipVerdict.IGNORE

    async def _dispatch(self, item: Inbound, nursery: trio.Nursery) -> None:
        peer, start = item.peer, self._reception.start
        match item.message:
            case TransactionsAnnounced(ids):
                self._pool.announced(peer, ids)
            case Status() | Decision() | CertificateForwarded():
                pass  # judged when it came; statuses are the network's to keep
            case (
                ReceivedLaneVote()
                | TermProposal()
                | CheckpointMessage()
                | LaneCertificate()
                | CloseMessage()
            ) if not self._reception.may_push(peer):
                pass
            case CloseMessage() as close:  # said again, else it was judged when it came
                await start(nursery, self._take_close, peer, close)
            case ReceivedLaneVote() as vote:
                await self._take_vote(peer, vote, nursery)
            case TermProposal() as proposal:
                await start(nursery, self._take_once, peer, proposal)
            case CheckpointMessage() as proposed:
                await start(nursery, self._take_once, peer, proposed)
            case LaneCertificate(certificate):
                if wants_certificate(self._engine.state, certificate):
                    await start(nursery, self._certificates.take, peer, certificate)
            case _:
                self._network.penalize(peer, Penalty.MALFORMED, "a message of a single lane")

    async def _take_vote(self, peer: str, message: ReceivedLaneVote, nursery: trio.Nursery) -> None:
        seating = self._instances.numbered(message.lane, message.term)
        vote = message.vote
        if seating is None or message.instance_id != seating.instance.id:
            return  # dropped, its sender repeats it (R9)
        if vote.epoch != seating.instance.epoch:
            return
        signed = vote.bind(seating.instance.id)
        slot = (seating.instance.id, vote.view, vote.phase, vote.voter_index, vote.block_id)
        key = (*slot, blake3_256(vote.signature))  # a forged copy must not hide the true one
        relayed = signed_vote(seating, signed)
        if relayed is None:
            return
        counts = self._relay.takes_part(seating) and is_wanted(self._engine.state, signed)
        is_late = self._is_late(signed)
        is_new = counts or is_late or self._relay.wants(peer, relayed, signed)
        if (key in self._in_flight or not is_new) and not self._relay.doubts(peer, relayed):
            return
        self._in_flight.add(key)

        async def verify(peer: str, signed: SignedVote) -> None:
            try:
                item = SignatureItem(
                    relayed.author, signed.vote.signing_bytes, VOTE_CONTEXT, signed.signature
                )
                if not await self._holds(item):
                    self._blame(peer, "forged_vote", "a vote with a forged signature")
                    return
                self._relay.brought(peer, relayed)
                self._relay.pass_on(peer, relayed)
                if is_late and self._anchors is not None:
                    self._anchors.keep(signed)
                if counts:
                    self._metrics.vote_received(signed.vote.phase.name.lower())
                    self._engine.offer(VoteAccepted(signed, self._clock.now_ms()))
            finally:
                self._in_flight.discard(key)

        await self._reception.start(nursery, verify, peer, signed)

    def _is_late(self, signed: SignedVote) -> bool:
        """A vote for what ended the epoch, after its quorum: on chain it is counted, and paid."""
        state = self._engine.state
        checkpoint, decision = state.checkpoint, state.decision
        blocks = self._context.document.consensus.epoch_blocks
        if self._anchors is None or decision is None:
            return False
        if checkpoint.block_height != last_height(checkpoint.epoch, blocks):
            return False
        return self._anchors.wants(signed, decision)

    async def _take_once(self, peer: str, message: TermProposal | CheckpointMessage) -> None:
        """Not again, while a copy that came another way is verified."""
        key = (message,)
        if key in self._in_flight:
            return
        self._in_flight.add(key)
        try:
            match message:
                case TermProposal():
                    await self._take_proposal(peer, message)
                case CheckpointMessage():
                    await self._take_checkpoint(peer, message)
        finally:
            self._in_flight.discard(key)

    async def _take_proposal(self, peer: str, message: TermProposal) -> None:
        """A block of a term. Its header says who proposed it, and so does the committee."""
        seating, came_ms = self._instances.numbered(Lane.FAST, message.term), self._clock.now_ms()
        if seating is None or message.instance_id != seating.instance.id:
            return
        if message.message.epoch != seating.instance.epoch:
            return
        header = decode_header(message.message.header_raw)
        signed = message.message.bind(seating.instance.id, block_ref(header))
        if not wants_proposal(self._engine.state, signed.proposal):
            return
        require_list(message.message, header, self._context.document.fees)
        if not await self._is_signed(peer, signed, seating):
            return
        self._relay.pass_on(peer, signed_proposal(seating, signed, message))
        self._compare_clocks(signed.proposal, seating, came_ms)
        proposer = seating.keys[signed.proposal.proposer_index]
        refusal = refusal_of_block(self._engine.state, signed.proposal, came_ms)
        self._charge(header, proposer, refusal)
        author = None if signed.proposal.is_repeat else proposer
        self._bodies.note(message.message, header, peer, author)
        self._engine.offer(ProposalAccepted(signed, self._clock.now_ms()))

    def _compare_clocks(self, proposal: Proposal, seating: Seating, came_ms: int) -> None:
        """The watch knows all validators, so it is told of a seat's holder by its place."""
        term = self._engine.state.term(seating.number)
        if term is not None:
            place = seating.instance.electorate.place(proposal.proposer_index)
            self.clock_watch.saw(replace(proposal, proposer_index=place), term.core.view, came_ms)

    async def _take_checkpoint(self, peer: str, message: CheckpointMessage) -> None:
        """Whoever sends a checkpoint, its proposer or another, has verified the proof with it."""
        state = self._engine.state
        seating = self._instances.numbered(Lane.HARD, message.checkpoint.number)
        term = state.term(message.checkpoint.number)
        if seating is None or term is None or self._instances.named(term.instance.id) is None:
            return
        signed, checkpoint = message.bind(seating.instance.id), message.checkpoint
        came_ms = self._clock.now_ms()
        if not wants_proposal(state, signed.proposal):
            return
        if not await self._is_signed(peer, signed, seating):
            return
        if self._instances.named(term.instance.id) is None:
            return  # many have begun while this was verified
        proposer = seating.keys[signed.proposal.proposer_index]
        refusal = refusal_of_checkpoint(self._engine.state, signed.proposal, checkpoint, came_ms)
        self._charge(checkpoint, proposer, refusal)
        if message.proof is not None:
            try:
                check_proof(message.proof, checkpoint, term.instance)
                await self._certificates.verify_proof(message.proof)
            except (InvalidProof, InvalidCertificate, InvalidSignature) as error:
                self._blame(peer, "forged_proof", str(error))
                return
        self._relay.pass_on(peer, signed_proposal(seating, signed, message))
        now_ms = self._clock.now_ms()
        self._engine.offer(CheckpointProposed(signed, checkpoint, message.proof, now_ms))

    async def _take_close(self, peer: str, message: CloseMessage) -> bool:
        """A seat's word, with the certificate of the tip it stands on."""
        signed = message.signed
        if self._instances.named(signed.close.instance_id) is None:
            return False
        if not wants_close(self._engine.state, signed):
            return False
        try:
            await self._certificates.verify_close(message)
        except (InvalidCertificate, InvalidSignature) as error:
            self._blame(peer, "forged_close", str(error))
            return False
        return self._engine.offer(CloseAccepted(message, self._clock.now_ms()))

    def _charge(
        self, proposed: Header | Checkpoint, proposer: bytes, refusal: InvalidProposal | None
    ) -> None:
        trouble = self.clock_watch.trouble
        charge_refused(self._context, proposed, proposer, refusal, clock_trouble=trouble)

    async def _is_signed(self, peer: str, signed: SignedProposal, seating: Seating) -> bool:
        proposal = signed.proposal
        key = seating.keys[proposal.proposer_index]
        item = SignatureItem(key, proposal.signing_bytes, PROPOSAL_CONTEXT, signed.signature)
        if await self._holds(item):
            return True
        self._blame(peer, "forged_proposal", "a proposal with a forged signature")
        return False

    async def _holds(self, item: SignatureItem) -> bool:
        (verdict,) = await self._verifier.verify_consensus((item,))
        return verdict

    def _blame(self, peer: str, code: str, reason: str) -> None:
        self._metrics.peer_misbehaved(code)
        self._network.penalize(peer, Penalty.FORGED, reason)
