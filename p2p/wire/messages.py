"""Every message between nodes, one dataclass each; the voting ones belong to consensus.

A vote leaves as a `SignedVote` and arrives as a `ReceivedVote`: it names an epoch, and only the
node knows which instance that is.
"""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from consensus.certificates import QuorumCertificate
from consensus.lanes.checkpoints import Checkpoint
from consensus.lanes.closes import CloseMessage
from consensus.lanes.messages import CheckpointMessage, Decision, TermProposal
from consensus.light import Finality
from consensus.proposals import ProposalMessage
from consensus.votes import Lane, ReceivedVote, SignedVote
from native.hashing import ZERO_HASH, Hash32

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Status:
    """How far a node has come."""

    final_height: int
    final_id: Hash32
    epoch: int
    view: int
    anchor_id: Hash32 = ZERO_HASH
    """The block that `epoch` began on: by it two chains that parted earlier know each other."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message on a connection, both ways. A validator's key signs for our peer id."""

    network_id: int
    genesis_hash: Hash32
    agent: str
    validator_key: bytes
    binding: bytes
    status: Status
    listen: str


@dataclass(frozen=True, slots=True)
class TransactionsAnnounced:
    """Transactions that the sender can be asked for."""

    ids: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class FinalAnnounced:
    """A final block and its proof: all that is gossiped where everybody votes on every block."""

    header_raw: bytes
    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class CertificateForwarded:
    """A committee's certificate, for everybody."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class LaneCertificate:
    """The same of a term or of a ballot, for those who vote in it."""

    certificate: QuorumCertificate


@dataclass(frozen=True, slots=True)
class LaneVote:
    """A vote of a term or of a ballot, as it leaves."""

    lane: Lane
    term: int
    signed: SignedVote


@dataclass(frozen=True, slots=True)
class ReceivedLaneVote:
    """A vote of a term or of a ballot, as it arrives. It names its instance: after a captured
    committee two terms of one number may have begun, and neither's votes are forgeries."""

    lane: Lane
    term: int
    vote: ReceivedVote
    instance_id: Hash32


Consensus: TypeAlias = (
    SignedVote
    | ProposalMessage
    | QuorumCertificate
    | LaneVote
    | LaneCertificate
    | TermProposal
    | CheckpointMessage
    | CloseMessage
)
"""What travels on the first stream, ahead of everything else."""

Gossiped: TypeAlias = FinalAnnounced | CertificateForwarded | CloseMessage | Decision
"""What goes to everybody, each reader passing on what it finds true: with two lanes also a
committee's certificates, the CLOSEs of its seats, and what the hard lane decided."""

Announcement: TypeAlias = TransactionsAnnounced | Status
"""What travels on the second stream."""

Pushed: TypeAlias = Consensus | Announcement
"""What a node sends without being asked."""

ReceivedConsensus: TypeAlias = (
    ReceivedVote
    | ProposalMessage
    | QuorumCertificate
    | ReceivedLaneVote
    | LaneCertificate
    | TermProposal
    | CheckpointMessage
    | CloseMessage
)
Received: TypeAlias = ReceivedConsensus | Announcement | Gossiped
"""What a node finds in its inbound channel."""


class Request(Generic[R_co]):
    """A question whose answer is an `R_co`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class BlockData:
    """A block as it is stored and sent: canonical header and canonical body."""

    header_raw: bytes
    body_raw: bytes


@dataclass(frozen=True, slots=True)
class Transactions:
    """Those asked for that the peer has, in any order."""

    raws: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Those asked for that the peer has, in any order."""

    blocks: tuple[BlockData, ...]


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Consecutive final blocks and the FINAL that covers them. Empty: nothing to give.

    `path` holds the headers from the last block's child up to the certified block, ascending:
    old certificates are pruned, so the nearest one may lie above the range.
    """

    blocks: tuple[BlockData, ...]
    path: tuple[bytes, ...]
    certificate: QuorumCertificate | None


@dataclass(frozen=True, slots=True)
class Certificates:
    """Certificates of a window of views."""

    certificates: tuple[QuorumCertificate, ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Consecutive checkpoints with their FINALs, from the number on that was asked for."""

    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoint that was asked for, or none."""

    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """Over how many hops a peer hears each validator of an epoch, in their order; 0: not at all."""

    epoch: int
    hops: bytes


@dataclass(frozen=True, slots=True)
class Peers:
    """Addresses of nodes that the peer is connected to."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FinalityClaim:
    """What shows that a height is final; None: the peer cannot show it."""

    finality: Finality | None


@dataclass(frozen=True, slots=True)
class HeaderProof:
    """A header and its proof (`vm.mmr`) under a later one; both empty: the peer has none."""

    header_raw: bytes
    proof_raw: bytes


@dataclass(frozen=True, slots=True)
class SnapshotOffers:
    """Height and manifest hash of each snapshot that the peer serves."""

    offers: tuple[tuple[int, Hash32], ...]


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """A manifest as it is stored (`vm.snapshot`); empty: the peer does not have it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """A part as it is stored (`vm.snapshot`); empty: the peer does not have it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Pruned:
    """The answer of a node that keeps blocks from a height on to who asks for older ones."""

    first_height: int


@dataclass(frozen=True, slots=True)
class GetTransactions(Request[Transactions]):
    """Bodies of announced transactions."""

    ids: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class GetBlocks(Request[Blocks]):
    """Blocks by id, final or not."""

    ids: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class GetRange(Request[BlockRange]):
    """Up to `count` final blocks from a height on; the peer may give fewer."""

    from_height: int
    count: int


@dataclass(frozen=True, slots=True)
class GetCertificates(Request[Certificates]):
    """The certificates of views `low_view` to `high_view`, both included."""

    epoch: int
    low_view: int
    high_view: int


@dataclass(frozen=True, slots=True)
class GetLaneCertificates(Request[Certificates]):
    """The same of one term or ballot, named by its instance."""

    instance_id: Hash32
    low_view: int
    high_view: int


@dataclass(frozen=True, slots=True)
class GetDecisions(Request[Decisions]):
    """Up to `count` decisions of the hard lane from a number on."""

    from_number: int
    count: int


@dataclass(frozen=True, slots=True)
class GetCheckpoint(Request[Checkpoints]):
    """A checkpoint by its id, decided or only notarized."""

    id: Hash32


@dataclass(frozen=True, slots=True)
class Subscribe(Request[Reach]):
    """Pass on to me what these validators of an epoch sign, and tell me whom you hear.

    Two bit fields over the set: whose ballots, checkpoints and blocks, and whose votes in terms.
    """

    epoch: int
    ballots: bytes
    terms: bytes


@dataclass(frozen=True, slots=True)
class GetPeers(Request[Peers]):
    """Whom else do you know?"""


LaneRequest: TypeAlias = GetLaneCertificates | GetDecisions | GetCheckpoint | Subscribe


@dataclass(frozen=True, slots=True)
class GetFinality(Request[FinalityClaim]):
    """What shows somebody who trusts an older block that this height is final."""

    height: int


@dataclass(frozen=True, slots=True)
class GetHeaderProof(Request[HeaderProof]):
    """The header at `height`, and that it lies under the one at `at`."""

    height: int
    at: int


@dataclass(frozen=True, slots=True)
class GetSnapshots(Request[SnapshotOffers]):
    """Which snapshots do you serve?"""


@dataclass(frozen=True, slots=True)
class GetManifest(Request[SnapshotManifest]):
    """The manifest of this hash."""

    name: Hash32


@dataclass(frozen=True, slots=True)
class GetPart(Request[SnapshotPart]):
    """A part of the snapshot whose manifest has this hash."""

    name: Hash32
    index: int


SnapshotRequest: TypeAlias = GetFinality | GetHeaderProof | GetSnapshots | GetManifest | GetPart
SnapshotResponse: TypeAlias = (
    FinalityClaim | HeaderProof | SnapshotOffers | SnapshotManifest | SnapshotPart
)

AnyRequest: TypeAlias = (
    GetTransactions
    | GetBlocks
    | GetRange
    | GetCertificates
    | GetPeers
    | LaneRequest
    | SnapshotRequest
)
Response: TypeAlias = (
    Transactions
    | Blocks
    | BlockRange
    | Certificates
    | Peers
    | Pruned
    | Decisions
    | Checkpoints
    | Reach
    | SnapshotResponse
)
