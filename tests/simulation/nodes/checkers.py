"""What must hold for whole nodes: one history, nothing final lost, nothing signed twice."""

import hashlib
from collections import Counter

from aichain.chain import Chain
from aichain.node.assemble import Node
from aichain.rpc.backend import BlockView
from consensus.proposals import ProposalMessage
from consensus.votes import SignedVote, VotePhase
from native.hashing import Hash32
from p2p.wire.messages import Pushed


class Violation(Exception):
    """An invariant does not hold."""


class Checker:
    """Sees every final block and every signature of honest nodes; outlives their crashes."""

    def __init__(self) -> None:
        self.final: dict[int, tuple[Hash32, Hash32]] = {}
        self.heights: Counter[int] = Counter()
        self.finalizations = 0
        self._signed: dict[tuple[int, Hash32, int], dict[VotePhase, Hash32]] = {}
        self._proposed: dict[tuple[int, int, int], bytes] = {}
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

    def on_start(self, index: int, node: Node, *, lost_chain: bool) -> None:
        """What was final before a crash is final after it."""
        height = node.chain.head.head.height
        if not lost_chain and height < self.heights[index]:
            raise Violation(f"node {index} lost blocks {height + 1} to {self.heights[index]}")
        self.heights[index] = height

    def on_final(self, index: int, view: BlockView, at_ms: int) -> None:
        """All nodes have the same block and the same state at a height, one after the other."""
        header = view.block.header
        if header.height != self.heights[index] + 1:
            raise Violation(f"node {index}: {header.height} after {self.heights[index]}")
        self.heights[index] = header.height
        ours = header.id, view.state_root
        known = self.final.setdefault(header.height, ours)
        if known != ours:
            raise Violation(f"node {index} at {header.height}: {ours} against {known}")
        for signed in view.block.transactions:
            self._transactions[signed.id] = header.height
        self.finalizations += 1
        self.note(at_ms, index, header.height, header.view, view.state_root)

    def on_sent(self, index: int, message: Pushed) -> None:
        """R7 for an honest node, across its crashes: it never signs what excludes each other."""
        match message:
            case SignedVote(vote):
                signed = self._signed.setdefault((index, vote.instance_id, vote.view), {})
                if signed.setdefault(vote.phase, vote.block_id) != vote.block_id:
                    raise Violation(f"node {index} signed twice: {vote}")
                if VotePhase.COMMIT in signed and VotePhase.CANCEL in signed:
                    raise Violation(f"node {index} gave COMMIT and CANCEL: {vote}")
            case ProposalMessage(epoch, view) if message.proposer_index == index:
                known = self._proposed.setdefault((index, epoch, view), message.header_raw)
                if known != message.header_raw:
                    raise Violation(f"node {index} proposed twice in view {view}")
            case _:
                pass

    def on_reopened(self, index: int, chain: Chain) -> None:
        """Opening has compared the coins and the state root; here is what anybody saw final."""
        if chain.head.head.height < self.heights[index]:
            raise Violation(f"node {index} lost what was final")
        for tx_id, height in self._transactions.items():
            if height <= self.heights[index] and chain.locate(tx_id) is None:
                raise Violation(f"node {index} does not know the final transaction {tx_id.hex()}")
