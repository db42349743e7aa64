"""Where peers' messages become events, and where bad ones cost their sender."""

import trio

from aichain.node.anchor_votes import AnchorVotes
from aichain.node.bodies import Bodies, require_list
from aichain.node.certificates import CertificateDesk, is_of_current_instance
from aichain.node.charges import charge_refused
from aichain.node.clock_watch import ClockWatch
from aichain.node.context import NodeContext
from aichain.node.engine import Engine
from aichain.node.fork_watch import ForkWatch
from aichain.node.pool import TransactionPool
from aichain.node.reception import Reception
from consensus.certificates import QuorumCertificate
from consensus.core.events import ProposalAccepted, VoteAccepted
from consensus.core.filters import is_wanted, wants_certificate, wants_proposal
from consensus.core.refusals import refusal_of
from consensus.headers import block_ref
from consensus.proposals import PROPOSAL_CONTEXT, ProposalMessage
from consensus.votes import VOTE_CONTEXT, ReceivedVote, SignedVote
from native.hashing import blake3_256
from native.signatures import SignatureItem
from p2p.errors import Penalty
from p2p.network import GossipVerdict, Inbound
from p2p.wire.messages import FinalAnnounced, Gossiped, Status, TransactionsAnnounced
from vm.blocks import decode_header


class InboundDesk:
    """One task reads; each vote, proposal and certificate is verified in a task of its own."""

    def __init__(
        self,
        engine: Engine,
        certificates: CertificateDesk,
        bodies: Bodies,
        pool: TransactionPool,
        clock_watch: ClockWatch,
        fork_watch: ForkWatch,
        context: NodeContext,
        anchors: AnchorVotes | None,
    ) -> None:
        self._engine = engine
        self._anchors = anchors
        self.clock_watch = clock_watch
        self._certificates = certificates
        self._bodies = bodies
        self._pool = pool
        self._context = context
        self._electorates = context.electorates
        self._verifier = context.verifier
        self._network = context.network
        self._metrics = context.metrics
        self._clock = context.clock
        self._fork_watch = fork_watch
        self._in_flight: set[tuple[int, int, int, int, bytes, bytes]] = set()
        self._reception = Reception(context, fork_watch.is_foreign)

    async def run(self) -> None:
        """Read until cancelled."""
        await self._reception.read(self._dispatch)

    async def judge_gossip(self, peer: str, final: Gossiped) -> GossipVerdict:
        """Pass a final block on if its certificate holds here; old and far ones go no further.

        A header that is not the certified block is false in any epoch; so is one that cannot be
        decoded, which the caller of this check learns as InvalidData.
        """
        if not isinstance(final, FinalAnnounced):
            return GossipVerdict.REJECT  # of a chain with two lanes
        certificate = final.certificate
        if decode_header(final.header_raw).id != certificate.block_id:
            return GossipVerdict.REJECT
        if not is_of_current_instance(self._engine.state, certificate):
            return GossipVerdict.IGNORE
        if not wants_certificate(self._engine.state, certificate):
            return GossipVerdict.IGNORE
        taken = await self._certificates.take(peer, certificate)
        return GossipVerdict.ACCEPT if taken else GossipVerdict.IGNORE

    async def _dispatch(self, item: Inbound, nursery: trio.Nursery) -> None:
        peer = item.peer
        start = self._reception.start
        match item.message:
            case ReceivedVote() | ProposalMessage() | QuorumCertificate() if (
                not self._reception.may_push(peer)
            ):
                pass
            case ReceivedVote() as vote:
                await self._take_vote(peer, vote, nursery)
            case ProposalMessage() as proposal:
                await start(nursery, self._take_proposal, peer, proposal)
            case QuorumCertificate() as certificate:
                if wants_certificate(self._engine.state, certificate):
                    await start(nursery, self._take_certificate, peer, certificate)
            case TransactionsAnnounced(ids):
                self._pool.announced(peer, ids)
            case FinalAnnounced() | Status():
                pass  # judged when it came; statuses are the network's to keep
            case _:
                self._network.penalize(peer, Penalty.MALFORMED, "a message of two lanes")

    async def _take_vote(self, peer: str, vote: ReceivedVote, nursery: trio.Nursery) -> None:
        state = self._engine.state
        edge = state.edge_certificate
        if vote.epoch == state.epoch:
            signed, take = vote.bind(state.instance.id), self._count_vote
            wanted = is_wanted(state, signed)
        elif edge is not None and vote.epoch == edge.epoch and self._anchors is not None:
            signed, take = vote.bind(edge.instance_id), self._anchors.keep
            members = len(self._electorates.validators(edge.epoch))
            wanted = vote.voter_index < members and self._anchors.wants(signed, edge)
        else:
            return  # of another instance: dropped, its sender repeats it (R9)
        slot = (vote.epoch, vote.view, int(vote.phase), vote.voter_index, vote.block_id)
        key = (*slot, blake3_256(vote.signature))  # a forged copy must not hide the true one
        if key in self._in_flight or not wanted:
            return
        self._in_flight.add(key)
        # Its epoch may be forgotten when its turn comes: a node that syncs passes many a second.
        author = self._electorates.validators(vote.epoch)[vote.voter_index].public_key

        async def verify(peer: str, signed: SignedVote) -> None:
            try:
                if await self._is_signed(peer, signed, author):
                    take(signed)
            finally:
                self._in_flight.discard(key)

        await self._reception.start(nursery, verify, peer, signed)

    def _count_vote(self, signed: SignedVote) -> None:
        self._metrics.vote_received(signed.vote.phase.name.lower())
        self._engine.offer(VoteAccepted(signed, self._clock.now_ms()))

    async def _is_signed(self, peer: str, signed: SignedVote, author: bytes) -> bool:
        item = SignatureItem(author, signed.vote.signing_bytes, VOTE_CONTEXT, signed.signature)
        (verdict,) = await self._verifier.verify_consensus((item,))
        if not verdict:
            await self._forged(peer, signed.epoch, "vote")
        return verdict

    async def _take_proposal(self, peer: str, message: ProposalMessage) -> None:
        state, came_ms = self._engine.state, self._clock.now_ms()
        if message.epoch != state.epoch:
            return
        header = decode_header(message.header_raw)
        signed = message.bind(state.instance.id, block_ref(header))
        if not wants_proposal(state, signed.proposal):
            return
        require_list(message, header, self._context.document.fees)
        proposer = self._electorates.validators(message.epoch)[message.proposer_index].public_key
        item = SignatureItem(
            proposer, signed.proposal.signing_bytes, PROPOSAL_CONTEXT, signed.signature
        )
        (verdict,) = await self._verifier.verify_consensus((item,))
        if not verdict:
            await self._forged(peer, message.epoch, "proposal")
            return
        if message.epoch != self._engine.state.epoch:
            return  # it ended while this was verified
        self.clock_watch.saw(signed.proposal, state.view, came_ms)
        author = None if signed.proposal.is_repeat else proposer
        refusal = refusal_of(self._engine.state, signed.proposal, came_ms)
        trouble = self.clock_watch.trouble
        charge_refused(self._context, header, proposer, refusal, clock_trouble=trouble)
        self._bodies.note(message, header, peer, author)
        self._engine.offer(ProposalAccepted(signed, self._clock.now_ms()))

    async def _forged(self, peer: str, epoch: int, what: str) -> None:
        """It was signed by somebody else; or for another instance, that of a fork."""
        if await self._fork_watch.explains(peer, epoch):
            return
        self._metrics.peer_misbehaved(f"forged_{what}")
        self._network.penalize(peer, Penalty.FORGED, f"a {what} with a forged signature")

    async def _take_certificate(self, peer: str, certificate: QuorumCertificate) -> None:
        await self._certificates.take(peer, certificate)
