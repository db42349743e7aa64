"""What must hold for whole nodes with two lanes, beside one history: logs, words, fast blocks."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import trio

from aichain.node.lanes.assemble import LaneNode
from aichain.rpc.statuses import BlockStatus
from consensus.errors import InvalidCertificate
from consensus.lanes.closes import Close
from consensus.lanes.messages import CheckpointMessage, Decision, TermProposal
from consensus.lanes.records import (
    CheckpointSeen,
    LaneRecord,
    TermClosed,
    decode_lane_record,
    settled_number,
)
from consensus.records import CertificateSeen, VoteCast
from consensus.votes import Lane, Vote, VotePhase
from genesis.units import Address
from native.hashing import Hash32
from p2p.wire.messages import CertificateForwarded, Gossiped, LaneVote
from tests.simulation.nodes.reversals import Reversals, Shown
from tests.simulation.nodes.violation import Violation

LOOK_S: Final = 0.2
_UNDONE: Final = "aichain_fast_blocks_undone_total "


@dataclass(slots=True)
class _Said:
    """What a node has said in one instance."""

    votes: dict[Vote, Lane] = field(default_factory=dict)
    close: Close | None = None


class LaneChecker:
    """Sees what honest nodes say, write and show; outlives their crashes."""

    def __init__(self, evil: Collection[Address]) -> None:
        self.reversals = Reversals(evil)
        self._nodes: dict[int, LaneNode] = {}
        self._said: defaultdict[tuple[int, Hash32], _Said] = defaultdict(_Said)
        self._proposed: dict[tuple[int, Hash32, int], bytes] = {}
        self._behind: set[int] = set()
        """Who lost its chain and has not caught up with its log since."""
        self.beyond = False
        """Whether blocks may become hard on two chains."""
        self.rolled_back = 0
        """Fast blocks that somebody was shown and that are not in the chain."""

    def on_log_lost(self, index: int) -> None:
        """It cannot know what it said; what it says next must not contradict that all the same."""
        self._nodes.pop(index, None)

    def on_start(self, index: int, node: LaneNode, *, lost_chain: bool) -> None:
        """R8: whatever it said before a crash is in its log, with what that rests on."""
        before, self._nodes[index] = self._nodes.get(index), node
        if node.wal is None:
            return
        records = {decode_lane_record(raw) for raw in node.wal.records()}
        decided = node.engine.state.checkpoint.number
        is_behind = settled_number(records) > decided
        self._behind = self._behind | {index} if lost_chain else self._behind
        if not is_behind:
            self._behind -= {index}
        elif index not in self._behind and before is not None:
            raise Violation(f"node {index} logs {settled_number(records)} as hard, holds {decided}")
        living = () if before is None else before.engine.state.instances()
        for name in living:
            said = self._said.get((index, name), _Said())
            for vote, lane in said.votes.items():
                _require_logged(index, vote, lane, records)
            close = said.close
            if close is not None and not any(
                isinstance(each, TermClosed) and each.instance_id == name for each in records
            ):
                raise Violation(f"node {index} does not know any more that it closed: {close}")

    def on_joined(self, index: int, node: LaneNode) -> None:
        """The same process and log, on another chain."""
        self._nodes[index] = node

    def on_vote(self, index: int, message: LaneVote) -> None:
        """Remembered; and a block is on disk before it is preferred."""
        vote = message.signed.vote
        self._said[index, vote.instance_id].votes[vote] = message.lane
        entry = self._nodes[index].chain.executed(vote.block_id)
        is_block = message.lane is Lane.FAST and vote.phase is VotePhase.PREFER
        if is_block and entry is not None and entry.position is None:
            raise Violation(f"node {index} prefers what its disk does not hold: {vote}")

    def on_close(self, index: int, close: Close) -> None:
        self._said[index, close.instance_id].close = close

    def on_proposal(self, index: int, message: TermProposal | CheckpointMessage) -> None:
        """R1: one proposal a view, its own; those of others it only says again."""
        state = self._nodes[index].engine.state
        if isinstance(message, TermProposal):
            term, place = state.term(message.term), message.message
            core, content = None if term is None else term.core, place.header_raw
            proposer, view = place.proposer_index, place.view
        else:
            own = state.number == message.checkpoint.number
            core, content = state.ballot.core if own else None, message.checkpoint.id
            proposer, view = message.proposer_index, message.view
        if core is None or core.me != proposer:
            return
        if self._proposed.setdefault((index, core.instance.id, view), content) != content:
            raise Violation(f"node {index} proposed twice in view {view}")

    def on_relayed(self, index: int, message: Gossiped) -> None:
        """What goes on to others holds, as far as its instance lives here."""
        if not isinstance(message, CertificateForwarded | Decision):
            return
        seating = self._nodes[index].services.instances.named(message.certificate.instance_id)
        try:
            if seating is not None:
                message.certificate.check_quorum(seating.instance.electorate)
        except InvalidCertificate as error:
            raise Violation(f"node {index} passes on what does not hold: {error}") from error

    async def watch(self, index: int, node: LaneNode, final: dict[int, Hash32]) -> None:
        """What RPC shows as fast lies on one line, and vanishes neither without an alarm nor
        without a reason."""
        shown: dict[Hash32, Shown] = {}
        undone = 0
        while True:
            await trio.sleep(LOOK_S)
            terms = node.engine.state.terms
            for term in terms:
                shown.update(self.reversals.saw(term))
            closed = {block.id for term in terms if term.closed for block in term.fast}
            heights: dict[int, Hash32] = {}
            for block_id, block in sorted(shown.items(), key=_by_height):
                height, status = block.height, await _status(node, block_id)
                if status is BlockStatus.HARD and height > node.chain.head.head.height:
                    raise Violation(f"node {index} calls {height} hard, which is fast")
                if status is not BlockStatus.FAST:
                    continue
                if block_id in closed:
                    raise Violation(f"node {index} calls {height} fast, whose term it closed")
                other = heights.setdefault(height, block_id)
                if other != block_id and await _status(node, other) is BlockStatus.FAST:
                    raise Violation(f"node {index} shows two fast blocks at {height}")
            undone += 0 if self.beyond else self._settle(index, node, shown, final)
            if undone and undone > _alarms(node):
                raise Violation(f"node {index}: {undone} fast blocks are gone in silence")
            self.rolled_back = max(self.rolled_back, undone)

    def _settle(
        self, index: int, node: LaneNode, shown: dict[Hash32, Shown], final: dict[int, Hash32]
    ) -> int:
        """Forget what is decided; how many of them were undone."""
        undone, head = 0, node.chain.head.head.height
        for block_id, block in sorted(shown.items(), key=_by_height):
            if block.height > head or block.height not in final:
                continue
            del shown[block_id]
            if final[block.height] != block_id:
                undone += 1
                self.reversals.require_reason(index, block)
        return undone


def _by_height(item: tuple[Hash32, Shown]) -> int:
    return item[1].height


async def _status(node: LaneNode, block_id: Hash32) -> BlockStatus | None:
    """Of a block that is not on disk as final yet; None for all others."""
    if node.chain.executed(block_id) is None:
        return None
    view = await node.rpc.context.backend.block_by_id(block_id)
    return None if view is None else view.status


def _alarms(node: LaneNode) -> int:
    lines = node.context.metrics.text().decode().splitlines()
    return sum(round(float(line.split()[-1])) for line in lines if line.startswith(_UNDONE))


def _require_logged(index: int, vote: Vote, lane: Lane, records: set[LaneRecord]) -> None:
    votes = {each.vote for each in records if isinstance(each, VoteCast)}
    if vote not in votes:
        raise Violation(f"node {index} does not know any more that it gave {vote}")
    if vote.phase is VotePhase.COMMIT:
        held = {
            (each.certificate.instance_id, each.certificate.view, each.certificate.block_id)
            for each in records
            if isinstance(each, CertificateSeen)
        }
        if (vote.instance_id, vote.view, vote.block_id) not in held:
            raise Violation(f"node {index} does not hold any more what {vote} rests on")
    if lane is Lane.HARD and vote.phase is VotePhase.PREFER:
        known = {each.checkpoint.id for each in records if isinstance(each, CheckpointSeen)}
        if vote.block_id not in known:
            raise Violation(f"node {index} does not know any more what it preferred: {vote}")
