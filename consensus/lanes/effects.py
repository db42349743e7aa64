"""What the lanes ask of the world, beside what the core of one instance asks."""

from dataclasses import dataclass, field

from consensus.certificates import QuorumCertificate
from consensus.core import effects as core
from consensus.instance import BlockRef, Instance
from consensus.lanes.accusations import Accusation
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.proofs import CheckpointProof
from consensus.lanes.records import LaneRecord, TermClosed
from consensus.proposals import Proposal, SignedProposal
from consensus.votes import Lane
from native.hashing import Hash32

CoreAsks = (
    core.CastVote
    | core.CastProposal
    | core.RebroadcastProposal
    | core.BroadcastCertificate
    | core.SendCertificate
    | core.PersistCertificate
    | core.SetTimer
    | core.BuildBlock
    | core.CheckBlock
    | core.FetchBlock
    | core.RequestCertificates
)


@dataclass(frozen=True, slots=True)
class InInstance:
    """The core of one instance asks this. Votes of a term go to its seat holders only."""

    instance_id: Hash32
    effect: CoreAsks


@dataclass(frozen=True, slots=True)
class BeginInstance:
    """A term, or the ballot on its checkpoint, has begun: bind what names it to this instance."""

    lane: Lane
    number: int
    instance: Instance


@dataclass(frozen=True, slots=True)
class CastCheckpoint:
    """Guard, log and fsync, sign, send to all validators; come back as `CheckpointProposed`."""

    proposal: Proposal
    checkpoint: Checkpoint
    proof: CheckpointProof | None


@dataclass(frozen=True, slots=True)
class RebroadcastCheckpoint:
    """Send a proposal of a checkpoint again, as it was signed (R9)."""

    signed: SignedProposal
    checkpoint: Checkpoint
    proof: CheckpointProof | None


@dataclass(frozen=True, slots=True)
class CloseTerm:
    """Guard, log and fsync; who has seats signs CLOSE, sends it to all, and gets it back.

    The same may be asked for again: then it is sent again.
    """

    record: TermClosed
    notar: QuorumCertificate | None


@dataclass(frozen=True, slots=True)
class Persist:
    """Append to the log without waiting; the fsync of a later vote makes it durable (R8)."""

    record: LaneRecord


@dataclass(frozen=True, slots=True)
class ForwardCertificate:
    """Gossip to everybody: a FINAL of a committee, or any certificate of a closed term."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class ForwardClose:
    """Gossip a CLOSE heard for the first time to everybody."""

    message: CloseMessage


@dataclass(frozen=True, slots=True)
class FetchBlocks:
    """Get the block and its unexecuted ancestors from peers, execute oldest first."""

    block_id: Hash32


@dataclass(frozen=True, slots=True)
class FetchCheckpoint:
    """Get a checkpoint by its id; the hash proves it. Comes back as `CheckpointFetched`."""

    checkpoint_id: Hash32


@dataclass(frozen=True, slots=True)
class RequestDecision:
    """Ask peers for checkpoint `number` with its FINAL: we may be behind."""

    number: int


@dataclass(frozen=True, slots=True)
class ExtendFast:
    """The committee made these blocks final, oldest first: log the certificate, then show them."""

    number: int
    certificate: QuorumCertificate
    blocks: tuple[BlockRef, ...]


@dataclass(frozen=True, slots=True)
class FinalizeHard:
    """Checkpoint and all blocks below it, oldest first, can never change again."""

    checkpoint: Checkpoint
    certificate: QuorumCertificate
    blocks: tuple[BlockRef, ...]


@dataclass(frozen=True, slots=True)
class RollBack:
    """Alarm: the hard lane decided against blocks that we showed as fast."""

    number: int
    to: BlockRef
    lost: tuple[BlockRef, ...]


@dataclass(frozen=True, slots=True)
class Accuse:
    """Somebody signed two things that exclude each other."""

    accusation: Accusation


@dataclass(frozen=True, slots=True)
class SetWake:
    """Send `Woke` at `at_ms`; replaces the wake asked for before."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Halt:
    """The hard lane contradicts itself: stop the node, loudly."""

    reason: str
    certificate: QuorumCertificate | None = field(default=None, compare=False)
    """The FINAL that cannot be true together with ours."""


LaneEffect = (
    InInstance
    | BeginInstance
    | CastCheckpoint
    | RebroadcastCheckpoint
    | CloseTerm
    | Persist
    | ForwardCertificate
    | ForwardClose
    | FetchBlocks
    | FetchCheckpoint
    | RequestDecision
    | ExtendFast
    | FinalizeHard
    | RollBack
    | Accuse
    | SetWake
    | Halt
)
