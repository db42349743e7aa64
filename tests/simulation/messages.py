"""What travels over the links of the world, beside what consensus itself defines."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from consensus.certificates import QuorumCertificate
from consensus.core import events
from consensus.instance import BlockRef
from consensus.proposals import SignedProposal
from consensus.votes import SignedVote

EVENT_NUMBERS = {
    kind: number
    for number, kind in enumerate(
        (
            events.Started,
            events.TimerFired,
            events.ProposalAccepted,
            events.BlockBuilt,
            events.BlockExecuted,
            events.BlockRejected,
            events.VoteAccepted,
            events.CertificateAccepted,
            events.CertificatesRequested,
            events.ElectorateDecided,
            events.VotingAllowed,
            events.ForkProven,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Request:
    """Certificates wanted by a peer."""

    epoch: int
    low: int
    high: int


Message: TypeAlias = SignedVote | SignedProposal | QuorumCertificate | Request


class Flaw(Enum):
    """What is wrong with a body."""

    INVALID = "does not execute"
    WITHHELD = "is not given away by evil nodes"
    OVERSIZED = "is bigger than the codec of an honest node takes"


@dataclass(frozen=True, slots=True)
class Body:
    """What only the ledger would know of a block."""

    block: BlockRef
    flaw: Flaw | None = None
