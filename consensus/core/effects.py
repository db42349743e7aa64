"""What the core asks of the world, in the order it must happen. Answers come back as events."""

from dataclasses import dataclass, field
from enum import Enum

from consensus.certificates import QuorumCertificate
from consensus.evidence import Evidence
from consensus.instance import BlockRef, Instance
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Vote
from native.hashing import Hash32


class TimerName(Enum):
    """What a timer is for."""

    PROPOSE = "propose"
    CANCEL = "cancel"
    STAMP = "stamp"
    RETRY = "retry"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer's name; set again it replaces the one of the same name. SYNC belongs to no view."""

    name: TimerName
    epoch: int
    view: int


@dataclass(frozen=True, slots=True)
class CastVote:
    """Guard, log and fsync, sign, send to validators; come back as `VoteAccepted` (R8).

    The same vote may be asked for again (R9): then it is sent again.
    """

    vote: Vote
    epoch: int


@dataclass(frozen=True, slots=True)
class CastProposal:
    """Guard, log and fsync, sign, send to validators; come back as `ProposalAccepted` (R8).

    The core has already counted it, so the order of what follows does not wait for the signature.
    """

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class RebroadcastProposal:
    """Send a proposal of the current view to validators again, as it was signed (R9)."""

    proposal: SignedProposal


@dataclass(frozen=True, slots=True)
class BroadcastCertificate:
    """Send a certificate to validators; a FINAL one is gossiped to everybody."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class SendCertificate:
    """Answer one peer."""

    peer: str
    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class PersistCertificate:
    """Append to the log without waiting; the fsync of a later vote makes it durable (R8)."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `timer` once at `at_ms`."""

    timer: Timer
    at_ms: int


@dataclass(frozen=True, slots=True)
class BuildBlock:
    """Build on `parent`, which is executed; answer with `BlockBuilt`."""

    instance_id: Hash32
    epoch: int
    view: int
    parent: BlockRef
    parent_view: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class CheckBlock:
    """Assemble the body, execute on the parent, make durable; answer executed or rejected."""

    block: BlockRef


@dataclass(frozen=True, slots=True)
class FetchBlock:
    """Get the block and its unexecuted ancestors from peers, execute oldest first."""

    block_id: Hash32


@dataclass(frozen=True, slots=True)
class RequestCertificates:
    """Ask peers for certificates of views [low_view, high_view] of our epoch."""

    epoch: int
    low_view: int
    high_view: int


@dataclass(frozen=True, slots=True)
class Finalize:
    """`certificate` makes these blocks final, oldest first; durable before any later effect."""

    certificate: QuorumCertificate
    blocks: tuple[BlockRef, ...]


@dataclass(frozen=True, slots=True)
class EnterEpoch:
    """The core has entered this instance: bind votes, proposals and certificates to it."""

    epoch: int
    instance: Instance


@dataclass(frozen=True, slots=True)
class ReportEquivocation:
    """Somebody signed two things that exclude each other, in this instance."""

    evidence: Evidence
    instance: Instance


@dataclass(frozen=True, slots=True)
class Halt:
    """Safety is gone or we are wrong: stop the node, loudly. The core does nothing more."""

    reason: str
    certificate: QuorumCertificate | None = field(default=None, compare=False)
    """The FINAL that cannot be true together with ours."""


Effect = (
    CastVote
    | CastProposal
    | RebroadcastProposal
    | BroadcastCertificate
    | SendCertificate
    | PersistCertificate
    | SetTimer
    | BuildBlock
    | CheckBlock
    | FetchBlock
    | RequestCertificates
    | Finalize
    | EnterEpoch
    | ReportEquivocation
    | Halt
)
