"""What the world tells the core. Past tense, and already verified: signatures, quorum, decoding."""

from dataclasses import dataclass

from consensus.certificates import QuorumCertificate
from consensus.core.effects import Timer
from consensus.electorate import Electorate
from consensus.instance import BlockRef
from consensus.proposals import SignedProposal
from consensus.votes import SignedVote
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class Started:
    """The shell is ready to act. Before this only `BlockExecuted` is looked at."""

    now_ms: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer set by `SetTimer` is due; those of past views are ignored by the core."""

    timer: Timer
    now_ms: int


@dataclass(frozen=True, slots=True)
class ProposalAccepted:
    """A proposal of the view's proposer with a valid signature; also our own, once signed."""

    proposal: SignedProposal
    now_ms: int


@dataclass(frozen=True, slots=True)
class BlockBuilt:
    """The answer to `BuildBlock`. The block need not be durable yet: the core asks for that."""

    instance_id: Hash32
    view: int
    block: BlockRef
    now_ms: int


@dataclass(frozen=True, slots=True)
class BlockExecuted:
    """Body present and matching its roots, durable, and executed on an executed parent."""

    block: BlockRef
    now_ms: int


@dataclass(frozen=True, slots=True)
class BlockRejected:
    """Execution failed. Never said of a block whose body did not arrive or did not match."""

    block_id: Hash32
    now_ms: int


@dataclass(frozen=True, slots=True)
class VoteAccepted:
    """A vote with a valid signature; also our own, once signed."""

    vote: SignedVote
    now_ms: int


@dataclass(frozen=True, slots=True)
class CertificateAccepted:
    """A certificate of this instance with a quorum of valid signatures."""

    certificate: QuorumCertificate
    now_ms: int


@dataclass(frozen=True, slots=True)
class ForkProven:
    """A quorum of this epoch made a chain final that does not hold our last final block.

    Sync sees that, by parent hashes; the core forgets blocks below the last final one.
    """

    certificate: QuorumCertificate
    now_ms: int


@dataclass(frozen=True, slots=True)
class CertificatesRequested:
    """A peer lacks certificates of views [low_view, high_view] of an epoch."""

    peer: str
    epoch: int
    low_view: int
    high_view: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class ElectorateDecided:
    """The voters of a coming epoch are known."""

    electorate: Electorate
    now_ms: int


@dataclass(frozen=True, slots=True)
class VotingAllowed:
    """A validator that abstained (new WAL on a live network) may sign from now on."""

    now_ms: int


Event = (
    Started
    | TimerFired
    | ProposalAccepted
    | BlockBuilt
    | BlockExecuted
    | BlockRejected
    | VoteAccepted
    | CertificateAccepted
    | ForkProven
    | CertificatesRequested
    | ElectorateDecided
    | VotingAllowed
)
