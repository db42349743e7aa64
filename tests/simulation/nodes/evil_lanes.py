"""What an evil validator of a chain with two lanes does, beside what any evil one does."""

from dataclasses import replace
from typing import Final

from consensus.lanes.closes import CLOSE_CONTEXT, CloseMessage
from consensus.lanes.messages import CheckpointMessage, Decision, TermProposal
from consensus.votes import Lane, VotePhase
from native.hashing import Hash32
from p2p.network import Audience
from p2p.wire.messages import (
    AnyRequest,
    BlockRange,
    CertificateForwarded,
    Certificates,
    Checkpoints,
    Decisions,
    GetCheckpoint,
    GetDecisions,
    GetLaneCertificates,
    GetRange,
    Gossiped,
    LaneCertificate,
    LaneVote,
    Pushed,
    Response,
)
from tests.simulation.nodes.evil import FAST_TWICE, HARD_TWICE, EvilNetwork, without_last

LANE_LIES: Final = (
    "range of other blocks served",
    "higher chain claimed",
    "wrong body served",
    "body withheld",
    "certificates forged in an answer",
    "decisions forged in an answer",
    "decisions withheld",
    "other checkpoint served",
)
LANE_PUSHES: Final = (
    "proposal withheld (and with it its reveal)",
    "proposal with a spoilt header",
    "checkpoint withheld",
    "checkpoint of another block",
    "vote withheld",
    "vote split between halves",
    "certificate short of a quorum",
    "final short of a quorum",
    "decision short of a quorum",
    "CLOSE in another's name",
)
LANE_CRIMES: Final = (*LANE_LIES, *LANE_PUSHES)


class EvilLanes(EvilNetwork):
    """Says something else than its node meant, in either lane."""

    def push(self, message: Pushed, to: Audience | frozenset[bytes]) -> int:
        match message:
            case TermProposal(term, name, inner):
                if self.commits("proposal withheld (and with it its reveal)"):
                    return 0
                if self.commits("proposal with a spoilt header"):
                    message = TermProposal(term, name, self._spoilt(inner))
            case CheckpointMessage():
                if self.commits("checkpoint withheld"):
                    return 0
                if self.commits("checkpoint of another block"):
                    other = Hash32(bytes(reversed(message.checkpoint.block_id)))
                    checkpoint = replace(message.checkpoint, block_id=other)
                    message = replace(message, checkpoint=checkpoint)
            case LaneVote(signed=signed):
                return self._lane_vote(replace(message, signed=self._meant(signed)), to)
            case LaneCertificate(certificate):
                if self.commits("certificate short of a quorum"):
                    super().push(LaneCertificate(without_last(certificate)), to)
        return super().push(message, to)

    def _lane_vote(self, message: LaneVote, to: Audience | frozenset[bytes]) -> int:
        if self.commits("vote withheld"):
            return 0
        vote = message.signed.vote
        if vote.phase is not VotePhase.CANCEL and self.commits("vote split between halves"):
            other = replace(message, signed=self._sign(message.signed, self._other(vote)))
            return self._to_halves(message, other)
        twice = FAST_TWICE if message.lane is Lane.FAST else HARD_TWICE
        if vote.phase is not VotePhase.CANCEL and self.commits(twice):
            second = self._sign(message.signed, self._other(vote))
            self._give_again(replace(message, signed=second), to)
        return super().push(message, to)

    def gossip(self, message: Gossiped) -> None:
        match message:
            case CertificateForwarded(certificate):
                if self.commits("final short of a quorum"):
                    super().gossip(CertificateForwarded(without_last(certificate)))
            case Decision(checkpoint, certificate):
                if self.commits("decision short of a quorum"):
                    super().gossip(Decision(checkpoint, without_last(certificate)))
            case CloseMessage(signed):
                if self.commits("CLOSE in another's name"):
                    forged = self._key.sign(signed.close.signing_bytes, CLOSE_CONTEXT)
                    other = replace(signed, voter_index=signed.voter_index ^ 1, signature=forged)
                    super().gossip(replace(message, signed=other))
        super().gossip(message)

    def _spoil(self, request: AnyRequest, answer: Response) -> Response:
        match request, answer:
            case GetLaneCertificates(), Certificates(certificates) if certificates:
                if self.commits("certificates forged in an answer", percent=100):
                    return Certificates(tuple(map(without_last, certificates)))
            case GetDecisions(), Decisions(decisions) if decisions:
                if self.commits("decisions withheld"):
                    return Decisions(())
                if self.commits("decisions forged in an answer"):
                    return Decisions(tuple(map(_forged, decisions)))
            case GetCheckpoint(), Checkpoints(checkpoints) if checkpoints:
                if self.commits("other checkpoint served", percent=100):
                    return Checkpoints(tuple(replace(each, view=9) for each in checkpoints))
            case GetRange(), BlockRange(blocks) if blocks:
                if self.commits("range of other blocks served"):
                    return replace(answer, blocks=tuple(map(self._wrong, blocks)))
            case _:
                return super()._spoil(request, answer)
        return answer


def _forged(decision: Decision) -> Decision:
    """The FINAL of somebody else's wish: another block, and the signatures of the true one."""
    other = Hash32(bytes(reversed(decision.checkpoint.block_id)))
    checkpoint = replace(decision.checkpoint, block_id=other)
    return Decision(checkpoint, replace(decision.certificate, block_id=checkpoint.id))
