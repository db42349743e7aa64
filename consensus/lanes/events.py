"""What the world tells the lanes: already verified, with proofs and signatures. Past tense."""

from dataclasses import dataclass

from consensus.certificates import QuorumCertificate
from consensus.core import events as core
from consensus.core.effects import Timer
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.proofs import CheckpointProof
from consensus.lanes.voters import EpochVoters
from consensus.proposals import SignedProposal
from native.hashing import Hash32


@dataclass(frozen=True, slots=True)
class CheckpointProposed:
    """A proposal of the ballot's proposer; a repetition (R10) carries no proof.

    `checkpoint_ref` of it is the proposal's block, and the signatures inside the proof are valid.
    """

    signed: SignedProposal
    checkpoint: Checkpoint
    proof: CheckpointProof | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class CheckpointFetched:
    """A checkpoint that was asked for by its id."""

    checkpoint: Checkpoint
    now_ms: int


@dataclass(frozen=True, slots=True)
class DecisionReceived:
    """A checkpoint with its FINAL, quorum and signatures valid.

    It may be of a later ballot of this epoch: its instance is known by the parent that it names
    (`ballot_name`), and the blocks up to its own are executed.
    """

    checkpoint: Checkpoint
    certificate: QuorumCertificate
    now_ms: int


@dataclass(frozen=True, slots=True)
class HardForkProven:
    """A true FINAL of a checkpoint that excludes one of ours (`are_of_two_chains`).

    The shell compares them: here only the last decision is known.
    """

    certificate: QuorumCertificate
    now_ms: int


@dataclass(frozen=True, slots=True)
class CloseAccepted:
    """A CLOSE with valid signature and certificate; also our own, once signed."""

    message: CloseMessage
    now_ms: int


@dataclass(frozen=True, slots=True)
class CoreTimerFired:
    """A timer that the core of this instance has set is due."""

    instance_id: Hash32
    timer: Timer
    now_ms: int


@dataclass(frozen=True, slots=True)
class CertificatesWanted:
    """A peer lacks certificates of views of one instance."""

    instance_id: Hash32
    request: core.CertificatesRequested

    @property
    def now_ms(self) -> int:
        """When it was asked."""
        return self.request.now_ms


@dataclass(frozen=True, slots=True)
class EpochDecided:
    """The hard final end of an epoch has decided who votes in the second one after it."""

    voters: EpochVoters
    now_ms: int


@dataclass(frozen=True, slots=True)
class Woke:
    """The time asked for by `SetWake` has come."""

    now_ms: int


OfLanes = (
    CheckpointProposed
    | CheckpointFetched
    | DecisionReceived
    | HardForkProven
    | CloseAccepted
    | CoreTimerFired
    | CertificatesWanted
    | EpochDecided
    | Woke
)
LaneEvent = (
    core.Started
    | core.VotingAllowed
    | core.VoteAccepted
    | core.CertificateAccepted
    | core.ProposalAccepted
    | core.BlockBuilt
    | core.BlockExecuted
    | core.BlockRejected
    | OfLanes
)
