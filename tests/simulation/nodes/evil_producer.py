"""An evil validator that signs, in its own turn, a block that breaks a rule, and stands by it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from consensus.headers import block_ref
from consensus.instance import BlockRef
from consensus.proposals import PROPOSAL_CONTEXT, Proposal, ProposalMessage, SignedProposal
from consensus.votes import Vote
from native.hashing import Hash32
from native.signatures import SigningKey
from p2p.wire.messages import (
    AnyRequest,
    BlockData,
    Blocks,
    GetBlocks,
    GetTransactions,
    Response,
    Transactions,
)
from tests.simulation.nodes.bad_blocks import BAD_BLOCKS, BadBlock
from tests.simulation.nodes.joins import Commits
from tests.simulation.nodes.violation import Violation
from vm.blocks import encode_body

_PERCENT: Final = 70


@dataclass(slots=True)
class BadBlockBook:
    """Which bad blocks there are in a run, and who was charged for them; outlives crashes."""

    kinds: dict[Hash32, str] = field(default_factory=dict)
    charged: dict[str, set[int]] = field(default_factory=dict)
    """By what is wrong: the honest nodes that made its proposer pay."""

    def on_final(self, block_id: Hash32) -> None:
        """Somebody honest calls this block final."""
        if block_id in self.kinds:
            raise Violation(f"final: a {self.kinds[block_id]}")

    def on_charged(self, index: int, reason: str) -> None:
        """Somebody honest charges somebody evil: for what was done, or for nothing that we know."""
        for kind in set(self.kinds.values()):
            refusal = BAD_BLOCKS[kind].refusal
            if refusal and refusal in reason:
                self.charged.setdefault(kind, set()).add(index)

    def judge(self, honest: Collection[int], least: int) -> None:
        """So many of the honest, and at least one, have charged for each kind."""
        for kind, count in Counter(self.kinds.values()).items():
            missing = set(honest) - self.charged.get(kind, set())
            if BAD_BLOCKS[kind].refusal and len(honest) - len(missing) < least:
                raise Violation(f"{count} times a {kind}: not charged by {sorted(missing)}")


class EvilProducer:
    """Proposes something else than its node has built, votes for it, and serves its body."""

    def __init__(
        self,
        node: Node | LaneNode,
        key: SigningKey,
        book: BadBlockBook,
        kinds: Sequence[str],
        commits: Commits,
        audience: int,
    ) -> None:
        self._node, self._key, self._book, self._commits = node, key, book, commits
        self._kinds, self._audience = kinds, audience
        self._honest = node.services.producer.message_of
        self._bad: dict[Hash32, tuple[BadBlock, ProposalMessage]] = {}
        """By the id of the block in whose place they stand."""
        setattr(node.services.producer, "message_of", self.message_of)  # noqa: B010

    def message_of(self, signed: SignedProposal) -> ProposalMessage | None:
        """What is sent for a proposal of its node, the same whenever it is sent again."""
        message = self._honest(signed)
        block_id = signed.proposal.block.id
        if message is None or signed.proposal.is_repeat:
            return message
        if block_id not in self._bad:
            self._make(signed.proposal)
        return self._bad[block_id][1] if block_id in self._bad else message

    def _make(self, proposal: Proposal) -> None:
        heard = [peer for peer in self._node.context.network.peers() if peer.validator_key]
        entry = self._node.chain.executed(proposal.block.id)
        if entry is None or len(heard) < self._audience:
            return  # who is banned is not charged again
        done = Counter(self._book.kinds.values())
        for kind in sorted(self._kinds, key=lambda kind: done[kind]):
            bad = BAD_BLOCKS[kind].make(self._node.chain, entry.block)
            if bad is not None and self._commits(kind, percent=_PERCENT):
                self._book.kinds[bad.header.id] = kind
                self._bad[proposal.block.id] = bad, self._propose(proposal, bad)
                return

    def _propose(self, proposal: Proposal, bad: BadBlock) -> ProposalMessage:
        block = block_ref(bad.header)
        other = replace(proposal, block=block, justify_view=bad.justify_view)
        signature = self._key.sign(other.signing_bytes, PROPOSAL_CONTEXT)
        ids = tuple(signed.id for signed in bad.transactions)
        return ProposalMessage.of(SignedProposal(other, signature), bad.header.raw, ids)

    def instead(self, vote: Vote) -> Vote:
        """Its votes are for what it has proposed."""
        if vote.block_id not in self._bad:
            return vote
        block: BlockRef = block_ref(self._bad[vote.block_id][0].header)
        return replace(vote, block_id=block.id, height=block.height)

    def served(self, request: AnyRequest) -> Response | None:
        """Its answer about a bad block; None where nothing bad is asked for."""
        made = [bad for bad, _ in self._bad.values()]
        match request:
            case GetTransactions(ids):
                raws = {signed.id: signed.raw for bad in made for signed in bad.transactions}
                if raws.keys() & set(ids):
                    found = (raws.get(each) or self._pooled(each) for each in ids)
                    return Transactions(tuple(raw for raw in found if raw))
            case GetBlocks(ids):
                blocks = [bad for bad in made if bad.header.id in ids]
                if blocks:
                    return Blocks(
                        tuple(
                            BlockData(bad.header.raw, encode_body(bad.transactions))
                            for bad in blocks
                        )
                    )
            case _:
                pass
        return None

    def _pooled(self, tx_id: Hash32) -> bytes:
        signed = self._node.pool.find(tx_id)
        return b"" if signed is None else signed.raw
