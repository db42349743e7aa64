"""Whole nodes of evil validators: all the product's code, and a network that lies in their name.

A twin is a second node with the same key; what stands here is done by any node that is evil.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import trio

from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from consensus.certificates import QuorumCertificate
from consensus.lanes.messages import CheckpointMessage
from consensus.proposals import ProposalMessage
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase, cancel_vote
from genesis.networks import founder_key
from native.hashing import Hash32
from p2p.memory_network import MemoryHub, MemoryNetwork
from p2p.network import Audience, RequestHandler
from p2p.settings import NodeIdentity
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    BlockRange,
    Blocks,
    Certificates,
    GetBlocks,
    GetCertificates,
    GetRange,
    GetTransactions,
    Pushed,
    Response,
    Status,
    Transactions,
)
from tests.simulation.nodes.bad_blocks import BAD_BLOCKS
from tests.simulation.nodes.evil_producer import BadBlockBook, EvilProducer
from tests.simulation.nodes.joins import spoil

GIVEN_TWICE: Final = "vote given twice"
"""Evidence for all at once; who splits votes shows each of the honest one side only."""

FAST_TWICE: Final = "vote given twice in a term"
HARD_TWICE: Final = "vote given twice in a ballot"
TWICE: Final = frozenset({GIVEN_TWICE, FAST_TWICE, HARD_TWICE})

LIES: Final = (
    "range of other blocks served",
    "range without a proof served",
    "higher chain claimed",
    "wrong body served",
    "body withheld",
    "transactions withheld",
    "certificates forged in an answer",
)
PUSHES: Final = (
    "proposal withheld (and with it its reveal)",
    "proposal with a spoilt header",
    "vote withheld",
    "vote split between halves",
    GIVEN_TWICE,
    "vote at another height",
    "vote far ahead",
    "certificate short of a quorum",
    "certificate with a signature repeated",
    "certificate of another instance",
)
CRIMES: Final = (*LIES, *PUSHES)

_FAR_VIEWS: Final = 50
_CLAIMED_BLOCKS: Final = 20
_LIES_PERCENT: Final = 50


@dataclass(frozen=True, slots=True)
class Crimes:
    """What an evil validator does, and when."""

    kinds: tuple[str, ...] = CRIMES
    from_s: float = 0.0
    until_s: float = math.inf
    shown_to: str = ""
    """The one peer that is given the second of two votes; empty: everybody."""


class EvilNetwork(MemoryNetwork):
    """What an evil validator says is now and then something else than its node meant."""

    def __init__(
        self,
        hub: MemoryHub,
        identity: NodeIdentity,
        founder: int,
        seed: int,
        note: Callable[[str], None],
        crimes: Crimes,
    ) -> None:
        super().__init__(hub, identity)
        self._key = founder_key("testnet", founder)
        self._rng = random.Random(f"aichain/nodes/evil/{seed}/{founder}")
        self._note = note
        self._crimes = crimes
        self._producer: EvilProducer | None = None

    def produce_for(self, node: Node | LaneNode, book: BadBlockBook, others: int) -> None:
        """See `corrupt`."""
        kinds = [kind for kind in self._crimes.kinds if kind in BAD_BLOCKS]
        if kinds:
            self._producer = EvilProducer(node, self._key, book, kinds, self.commits, others)

    # --- what is pushed -------------------------------------------------------------------------

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        match message:
            case ProposalMessage():
                return self._propose(message, to)
            case SignedVote():
                return self._vote(self._meant(message), to)
            case QuorumCertificate():
                self._forge(message, to)
        return super().push(message, to)

    def _propose(self, message: ProposalMessage, to: Audience | frozenset[bytes]) -> int:
        """What the beacon's owner can do: show its reveal, or keep it and lose the turn."""
        if self.commits("proposal withheld (and with it its reveal)"):
            return 0
        if self.commits("proposal with a spoilt header"):
            message = self._spoilt(message)
        return super().push(message, to)

    def _spoilt(self, message: ProposalMessage) -> ProposalMessage:
        at = self._rng.randrange(len(message.header_raw))
        raw = bytearray(message.header_raw)
        raw[at] ^= 1 << self._rng.randrange(8)
        return replace(message, header_raw=bytes(raw))

    def _meant(self, signed: SignedVote) -> SignedVote:
        """A vote for its own block is for the one that it has shown in its place."""
        meant = self._producer.instead(signed.vote) if self._producer else signed.vote
        return signed if meant == signed.vote else self._sign(signed, meant)

    def _vote(self, signed: SignedVote, to: Audience | frozenset[bytes]) -> int:
        vote = signed.vote
        if self.commits("vote withheld"):
            return 0
        if self.commits("vote far ahead"):
            far = cancel_vote(vote.instance_id, vote.view + 1 + self._rng.randrange(_FAR_VIEWS))
            super().push(self._sign(signed, far), to)
        if vote.phase is not VotePhase.CANCEL and self.commits("vote at another height"):
            return super().push(self._sign(signed, replace(vote, height=vote.height + 1)), to)
        if vote.phase is not VotePhase.CANCEL and self.commits("vote split between halves"):
            other = self._other(vote)
            return self._to_halves(signed, self._sign(signed, other))
        if vote.phase is not VotePhase.CANCEL and self.commits(GIVEN_TWICE):
            self._give_again(self._sign(signed, self._other(vote)), to)
        return super().push(signed, to)

    def _give_again(self, second: Pushed, to: Audience | frozenset[bytes]) -> None:
        if self._crimes.shown_to:
            self.send(self._crimes.shown_to, second)
        else:
            super().push(second, to)

    def _other(self, vote: Vote) -> Vote:
        """What no honest validator signs together with `vote`."""
        if vote.phase is VotePhase.COMMIT:
            return cancel_vote(vote.instance_id, vote.view)
        return replace(vote, block_id=Hash32(bytes(reversed(vote.block_id))))

    def _to_halves(self, one: Pushed, other: Pushed) -> int:
        peers = sorted(peer.peer_id for peer in self.peers() if peer.validator_key)
        for at, peer in enumerate(peers):
            self.send(peer, one if at % 2 else other)
        return len(peers)

    def _forge(self, certificate: QuorumCertificate, to: Audience | frozenset[bytes]) -> None:
        """Beside a true certificate, one that proves nothing."""
        held = certificate.signatures
        if self.commits("certificate short of a quorum"):
            super().push(without_last(certificate), to)
        if self.commits("certificate with a signature repeated"):
            super().push(replace(certificate, signatures=(held[0],) * len(held)), to)
        if self.commits("certificate of another instance"):
            name = Hash32(bytes(reversed(certificate.instance_id)))
            super().push(replace(certificate, instance_id=name), to)

    def _sign(self, like: SignedVote, vote: Vote) -> SignedVote:
        signature = self._key.sign(vote.signing_bytes, VOTE_CONTEXT)
        return replace(like, vote=vote, signature=signature)

    def set_status(self, status: Status) -> None:
        """Whoever claims the most is asked by those that are behind."""
        if self.commits("higher chain claimed"):
            status = replace(status, final_height=status.final_height + _CLAIMED_BLOCKS)
        super().set_status(status)

    # --- what is answered -----------------------------------------------------------------------

    def set_handler(self, handler: RequestHandler) -> None:
        async def answer(peer: str, request: AnyRequest) -> Response:
            served = self._producer.served(request) if self._producer else None
            return served or self._spoil(request, await handler(peer, request))

        super().set_handler(answer)

    def _spoil(self, request: AnyRequest, answer: Response) -> Response:
        match request, answer:
            case GetRange(), BlockRange(blocks) if blocks:
                return self._spoil_range(answer)
            case GetBlocks(), Blocks(blocks) if blocks:
                if self.commits("body withheld"):
                    return Blocks(())
                if self.commits("wrong body served"):
                    return Blocks(tuple(self._wrong(block) for block in blocks))
            case GetCertificates(), Certificates(certificates) if certificates:
                if self.commits("certificates forged in an answer", percent=100):
                    return Certificates(tuple(without_last(each) for each in certificates))
            case GetTransactions(), Transactions(raws) if raws:
                if self.commits("transactions withheld"):
                    return Transactions(())
        return spoil(request, answer, self.commits, self._rng, without_last)

    def _spoil_range(self, answer: BlockRange) -> Response:
        if self.commits("range of other blocks served"):
            return replace(answer, blocks=tuple(self._wrong(block) for block in answer.blocks))
        if self.commits("range without a proof served"):
            return replace(answer, path=(), certificate=None)
        return answer

    def _wrong(self, block: BlockData) -> BlockData:
        raw = bytearray(block.body_raw)
        raw[self._rng.randrange(len(raw))] ^= 1 << self._rng.randrange(8)
        return BlockData(block.header_raw, bytes(raw))

    def commits(self, crime: str, *, percent: int = _LIES_PERCENT) -> bool:
        crimes, now_s = self._crimes, trio.current_time()
        if crime not in crimes.kinds or not crimes.from_s <= now_s < crimes.until_s:
            return False
        if self._rng.randrange(100) >= percent:
            return False
        self._note(crime)
        return True


class CunningNetwork(MemoryNetwork):
    """A twin that never proposes on both sides of one view, so that no view has two FINALs."""

    def __init__(self, hub: MemoryHub, identity: NodeIdentity, side: int) -> None:
        super().__init__(hub, identity)
        self._side = side

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        match message:
            case ProposalMessage(view=view) | CheckpointMessage(view=view):
                if view % 2 != self._side:
                    return 0
        return super().push(message, to)


def corrupt(node: Node | LaneNode, book: BadBlockBook, others: int) -> None:
    """From now on its own blocks may break rules, as long as so many others hear it."""
    network = node.context.network
    assert isinstance(network, EvilNetwork), "liars have one"
    network.produce_for(node, book, others)


def without_last(certificate: QuorumCertificate) -> QuorumCertificate:
    """One voter less: below the quorum of those that were enough."""
    index = certificate.voter_indices[-1]
    voters = bytearray(certificate.voters)
    voters[index // 8] &= ~(1 << index % 8)
    return replace(certificate, voters=bytes(voters), signatures=certificate.signatures[:-1])
