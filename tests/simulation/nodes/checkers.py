"""What must hold for whole nodes: one history, nothing final lost, nothing signed twice."""

import hashlib
from collections import Counter
from collections.abc import Collection
from typing import Final

from aichain.chain import Chain
from aichain.node.assemble import Node
from aichain.node.lanes.assemble import LaneNode
from aichain.rpc.backend import BlockView
from consensus.fork_proof import ForkProof
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CLOSE_CONTEXT, CloseMessage
from consensus.lanes.messages import CheckpointMessage, TermProposal
from consensus.proposals import ProposalMessage
from consensus.votes import VOTE_CONTEXT, SignedVote, Vote, VotePhase
from genesis.units import Address
from native.batch import verify_many
from native.hashing import Hash32
from native.signatures import SignatureItem
from p2p.wire.messages import Gossiped, LaneVote, Pushed
from tests.simulation.nodes.finality import FinalityChecker
from tests.simulation.nodes.lane_checkers import LaneChecker
from tests.simulation.nodes.violation import Violation as Violation

ACCOUNTABLE_PERCENT: Final = 38


class Checker:
    """Sees every final block and every signature of honest nodes; outlives their crashes."""

    def __init__(self, evil: Collection[Address]) -> None:
        self.final: dict[int, tuple[Hash32, Hash32]] = {}
        self.blocks: dict[int, Hash32] = {}
        self.heights: Counter[int] = Counter()
        self.finalizations = 0
        self.beyond = False
        """More is evil than safety bears: chains may fork, and somebody has to notice."""
        self.is_forked = False
        self.halted: dict[int, str] = {}
        self._signed: dict[tuple[int, Hash32, int], dict[VotePhase, Hash32]] = {}
        self._proposed: dict[tuple[int, int, int], bytes] = {}
        self.checkpoints: dict[int, Checkpoint] = {}
        self.lanes = LaneChecker(evil)
        self.finality = FinalityChecker()
        self._closed: dict[tuple[int, Hash32], int] = {}
        self._transactions: dict[Hash32, int] = {}
        self._trace = hashlib.blake2b(digest_size=16)

    @property
    def trace(self) -> str:
        """Equal for two runs in which the same nodes finalized the same at the same times."""
        return self._trace.hexdigest()

    @property
    def transactions(self) -> int:
        return len(self._transactions)

    def note(self, *what: object) -> None:
        """Make something a part of the trace."""
        self._trace.update(repr(what).encode())

    def on_start(self, index: int, node: Node | LaneNode, *, lost_chain: bool) -> None:
        """What was final before a crash is final after it."""
        height = node.chain.head.head.height
        if not lost_chain and height < self.heights[index]:
            raise Violation(f"node {index} lost blocks {height + 1} to {self.heights[index]}")
        self.heights[index] = height
        if isinstance(node, LaneNode):
            self.lanes.on_start(index, node, lost_chain=lost_chain)

    def on_joined(self, index: int, node: Node | LaneNode) -> None:
        """A chain that took the place of the old one ends where others were, with their state."""
        state = node.chain.head
        if self.final.get(state.head.height) != (state.head.id, state.root):
            raise Violation(f"node {index} joined at {state.head.height}: {state.head.id.hex()}")
        self.heights[index] = state.head.height
        if isinstance(node, LaneNode):
            self.lanes.on_joined(index, node)
        self.note(index, "joined", state.head.height)

    def on_final(self, index: int, view: BlockView, at_ms: int) -> None:
        """All nodes have the same block and the same state at a height, one after the other."""
        header = view.block.header
        if header.height != self.heights[index] + 1:
            raise Violation(f"node {index}: {header.height} after {self.heights[index]}")
        self.heights[index] = header.height
        ours = header.id, view.state_root
        known = self.final.setdefault(header.height, ours)
        self.blocks.setdefault(header.height, header.id)
        if known != ours and self.beyond:
            self.is_forked = True
        elif known != ours:
            raise Violation(f"node {index} at {header.height}: {ours} against {known}")
        for signed in view.block.transactions:
            self._transactions[signed.id] = header.height
        self.finalizations += 1
        self.note(at_ms, index, header.height, header.view, view.state_root)

    def on_sent(self, index: int, message: Pushed, key: bytes) -> None:
        """R7 for an honest node, across its crashes: it never signs what excludes each other."""
        match message:
            case LaneVote(_, _, signed_vote) if not is_signed_by(key, signed_vote):
                pass  # only passed on
            case SignedVote(vote):
                signed = self._signed.setdefault((index, vote.instance_id, vote.view), {})
                if signed.setdefault(vote.phase, vote.block_id) != vote.block_id:
                    raise Violation(f"node {index} signed twice: {vote}")
                if VotePhase.COMMIT in signed and VotePhase.CANCEL in signed:
                    raise Violation(f"node {index} gave COMMIT and CANCEL: {vote}")
            case LaneVote():
                self._on_lane_vote(index, message.signed.vote)
                self.lanes.on_vote(index, message)
            case ProposalMessage(epoch, view) if message.proposer_index == index:
                known = self._proposed.setdefault((index, epoch, view), message.header_raw)
                if known != message.header_raw:
                    raise Violation(f"node {index} proposed twice in view {view}")
            case TermProposal() | CheckpointMessage():
                self.lanes.on_proposal(index, message)
            case _:
                pass

    def _on_lane_vote(self, index: int, vote: Vote) -> None:
        self.on_sent(index, SignedVote(vote, 0, 0, b""), b"")
        tip = self._closed.get((index, vote.instance_id))
        if tip is not None and vote.phase is VotePhase.COMMIT and vote.view > tip:
            raise Violation(f"node {index} gave COMMIT above its CLOSE: {vote}")

    def on_gossiped(self, index: int, message: Gossiped, key: bytes) -> None:
        """The same for its word that it signs nothing more in a term; others' it only passes on."""
        if not isinstance(message, CloseMessage):
            return
        close, signature = message.signed.close, message.signed.signature
        (own,) = verify_many([SignatureItem(key, close.signing_bytes, CLOSE_CONTEXT, signature)])
        if not own:
            return
        self.lanes.on_close(index, close)
        if self._closed.setdefault((index, close.instance_id), close.tip_view) != close.tip_view:
            raise Violation(f"node {index} closed twice: {close}")
        for (who, instance_id, view), signed in self._signed.items():
            above = view > close.tip_view and VotePhase.COMMIT in signed
            if (who, instance_id) == (index, close.instance_id) and above:
                raise Violation(f"node {index} closed below its COMMIT in view {view}")

    def on_penalized(self, index: int, culprit: int, reason: str) -> None:
        """Nobody honest gives anybody a reason."""
        if not self.beyond:
            raise Violation(f"node {index} charges node {culprit}: {reason}")

    def on_halt(self, index: int, reason: str) -> None:
        """Below the bound nobody has a reason to stop."""
        if not self.beyond:
            raise Violation(f"node {index} halts: {reason}")
        self.halted[index] = reason
        self.note(index, reason)

    def on_fork_ended(
        self, proof: ForkProof | None, honest: Collection[int], evil: Collection[int]
    ) -> None:
        """Everybody honest notices a fork, and what is on disks convicts 38 % of the stake."""
        blind = set(honest) - self.halted.keys()
        if self.is_forked and blind:
            raise Violation(f"a fork, and {sorted(blind)} go on: {self.halted}")
        if self.is_forked and (proof is None or proof.convicted_percent < ACCOUNTABLE_PERCENT):
            raise Violation(f"a fork, and this is all that shows who made it: {proof}")
        if proof is not None and not proof.offenders.keys() <= set(evil):
            raise Violation(f"a proof against {sorted(proof.offenders)}, and {evil} are evil")

    def on_reopened(self, index: int, chain: Chain) -> None:
        """Opening has compared the coins and the state root; here is what anybody saw final."""
        if chain.head.head.height < self.heights[index]:
            raise Violation(f"node {index} lost what was final")
        self._compare_decisions(index, chain)
        if not self.is_indexed(index, chain):
            raise Violation(f"node {index} does not know a final transaction")

    def is_indexed(self, index: int, chain: Chain) -> bool:
        """Whether it finds all transactions of the blocks it keeps."""
        return all(
            chain.locate(tx_id) is not None
            for tx_id, height in self._transactions.items()
            if chain.blocks.first <= height <= self.heights[index]
        )

    def _compare_decisions(self, index: int, chain: Chain) -> None:
        """All have the same checkpoints, each on the one before, up to the head of the chain."""
        last = chain.decisions.last
        for decision in chain.decisions.from_number(1):
            checkpoint = decision.checkpoint
            if self.checkpoints.setdefault(checkpoint.number, checkpoint) != checkpoint:
                raise Violation(f"node {index} at checkpoint {checkpoint.number}: {checkpoint}")
            before = self.checkpoints.get(checkpoint.number - 1)
            if before is not None and before.id != checkpoint.parent_id:
                raise Violation(f"node {index}: {checkpoint} does not follow {before}")
        if last is not None and last.checkpoint.block_id != chain.head.head.id:
            raise Violation(f"node {index} stands above or below its last checkpoint")


def first_of(error: BaseException) -> BaseException:
    """The first of what a group of groups holds."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def is_signed_by(key: bytes, signed: SignedVote) -> bool:
    """Whether a vote is this key's own."""
    item = SignatureItem(key, signed.vote.signing_bytes, VOTE_CONTEXT, signed.signature)
    (own,) = verify_many([item])
    return own
