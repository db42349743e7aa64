"""All the core remembers: frozen values, bounded, replaced and never changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from consensus.certificates import QuorumCertificate
from consensus.core.tally import EMPTY_TALLY, Tally
from consensus.electorate import Electorate
from consensus.evidence import ConflictingVotes, votes_conflict
from consensus.instance import BlockRef, Instance
from consensus.memory import Memory, changed, field
from consensus.proposals import Proposal, SignedProposal
from consensus.records import Record
from consensus.votes import SignedVote, Vote, VotePhase
from genesis.epochs import epoch_after
from genesis.units import Address
from native.hashing import Hash32

NEVER_SYNCED: Final = -1


class CommitRule(Enum):
    """What a COMMIT waits for (R3)."""

    ON_NOTAR = auto()
    """Everybody votes: who made the NOTAR has executed the block, and that is most of the stake.
    A view that was left behind gets no COMMIT any more."""
    ON_EXECUTION = auto()
    """A sample votes (lanes): its NOTAR proves nothing of the kind, so the block is executed here
    first; as that may come late, the view may be behind us."""


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """What does not change while a node runs. `validator` is None for a node that only follows."""

    genesis_hash: Hash32
    epoch_blocks: int
    block_time_ms: int
    delta_ms: int
    clock_offset_ms: int
    validator: Address | None
    commit_rule: CommitRule = CommitRule.ON_NOTAR


class ViewState(Memory, frozen=True):
    """One attempt at a height: what was proposed, voted and certified, and what we did in it."""

    proposals: tuple[SignedProposal, ...] = ()
    prefers: Tally = EMPTY_TALLY
    commits: Tally = EMPTY_TALLY
    cancels: Tally = EMPTY_TALLY
    notar: QuorumCertificate | None = None
    null: QuorumCertificate | None = None
    final: QuorumCertificate | None = None
    building: bool = False
    proposed: Proposal | None = None
    preferred: Vote | None = None
    committed: Vote | None = None
    cancelled: Vote | None = None
    reported: frozenset[int] = frozenset()

    @property
    def notarized(self) -> Hash32 | None:
        """The block of this view's NOTAR; a FINAL implies one (R6)."""
        certificate = self.final or self.notar
        return None if certificate is None else certificate.block_id

    def certificate(self, phase: VotePhase) -> QuorumCertificate | None:
        """The certificate held for a phase."""
        match phase:
            case VotePhase.PREFER:
                return self.notar
            case VotePhase.COMMIT:
                return self.final
            case VotePhase.CANCEL:
                return self.null

    def tally(self, phase: VotePhase) -> Tally:
        """The votes held for a phase."""
        match phase:
            case VotePhase.PREFER:
                return self.prefers
            case VotePhase.COMMIT:
                return self.commits
            case VotePhase.CANCEL:
                return self.cancels

    def opposite(self, phase: VotePhase) -> Tally | None:
        """The votes that exclude a vote of `phase` by the same voter (R7)."""
        match phase:
            case VotePhase.COMMIT:
                return self.cancels
            case VotePhase.CANCEL:
                return self.commits
            case VotePhase.PREFER:
                return None

    def certificates(self) -> tuple[QuorumCertificate, ...]:
        """Every certificate held."""
        held = (self.final, self.notar, self.null)
        return tuple(certificate for certificate in held if certificate is not None)

    def own_votes(self) -> tuple[Vote, ...]:
        """What we cast in this view."""
        mine = (self.preferred, self.committed, self.cancelled)
        return tuple(vote for vote in mine if vote is not None)

    def with_tally(self, phase: VotePhase, tally: Tally) -> "ViewState":
        """The same with other votes for one phase."""
        match phase:
            case VotePhase.PREFER:
                return changed(self, prefers=tally)
            case VotePhase.COMMIT:
                return changed(self, commits=tally)
            case VotePhase.CANCEL:
                return changed(self, cancels=tally)

    def with_certificate(self, certificate: QuorumCertificate) -> "ViewState":
        """The same with one more certificate."""
        match certificate.phase:
            case VotePhase.PREFER:
                return changed(self, notar=certificate)
            case VotePhase.COMMIT:
                return changed(self, final=certificate)
            case VotePhase.CANCEL:
                return changed(self, null=certificate)

    def with_own_vote(self, vote: Vote) -> "ViewState":
        """We cast this vote in this view."""
        match vote.phase:
            case VotePhase.PREFER:
                return changed(self, preferred=vote)
            case VotePhase.COMMIT:
                return changed(self, committed=vote)
            case VotePhase.CANCEL:
                return changed(self, cancelled=vote)

    def with_own_proposal(self, proposal: Proposal) -> "ViewState":
        """We make this proposal in this view; it is unsigned until the shell brings it back."""
        unsigned = SignedProposal(proposal, b"")
        return changed(self, proposed=proposal, proposals=(*self.proposals, unsigned))

    @property
    def is_slim(self) -> bool:
        """Nothing is left that `without_votes` would take away."""
        votes = self.prefers.votes or self.commits.votes or self.cancels.votes
        return not (self.proposals or votes)

    def without_votes(self) -> "ViewState":
        """What must be kept of a view long left: its certificates and what we signed."""
        empty = EMPTY_TALLY
        return changed(self, proposals=(), prefers=empty, commits=empty, cancels=empty)


EMPTY_VIEW: Final = ViewState()


def certificates_against(known: ViewState, signed: SignedVote) -> list[ConflictingVotes]:
    """What this vote excludes of that which its voter signed in certificates of the view."""
    voter = signed.voter_index
    if voter in known.reported:
        return []
    return [
        ConflictingVotes(other, signed)
        for certificate in known.certificates()
        if votes_conflict(certificate.vote, signed.vote) and certificate.epoch == signed.epoch
        for other in certificate.votes()
        if other.voter_index == voter
    ]


def suspects(known: ViewState, certificate: QuorumCertificate) -> dict[int, SignedVote]:
    """The votes we were given that this certificate excludes, of those whom it names.

    Votes are not relayed: who shows each of us one side only is found out by a certificate.
    It need not be verified yet.
    """
    same = known.tally(certificate.phase)
    others = same.weights.keys() - {(certificate.height, certificate.block_id)}
    tallies = (same if others else EMPTY_TALLY, known.opposite(certificate.phase) or EMPTY_TALLY)
    if not any(tally.votes for tally in tallies):
        return {}
    vote = certificate.vote
    held = {
        voter: signed
        for tally in tallies
        for voter, signed in tally.votes.items()
        if votes_conflict(signed.vote, vote)
        and signed.epoch == certificate.epoch
        and voter not in known.reported
    }
    return {voter: held[voter] for voter in certificate.voter_indices if voter in held}


class State(Memory, frozen=True):
    """The core's memory. Views at or below `final_view` are gone; their outcome is `final`."""

    config: CoreConfig
    instance: Instance
    electorates: Mapping[int, Electorate]
    me: int | None
    abstain: bool
    final: BlockRef
    final_view: int = 0
    final_certificate: QuorumCertificate | None = None
    edge_certificate: QuorumCertificate | None = None
    view: int = 0
    entered_ms: int = 0
    fails: int = 0
    started: bool = False
    halted: str | None = None
    views: Mapping[int, ViewState] = field(default_factory=dict)
    blocks: Mapping[Hash32, BlockRef] = field(default_factory=dict)
    executed: frozenset[Hash32] = frozenset()
    rejected: frozenset[Hash32] = frozenset()
    wanted: frozenset[Hash32] = frozenset()
    heard: Mapping[int, int] = field(default_factory=dict)
    heard_since: int = 0
    absent: frozenset[int] = frozenset()
    """Who was silent at the end of the epoch before, and has said nothing in this one."""
    synced_height: int = NEVER_SYNCED
    later_records: tuple[Record, ...] = ()
    floor: tuple[int, int] = (0, 0)
    """(epoch, view) of the log: we sign only above it, even if our chain has to catch up first."""

    @property
    def epoch(self) -> int:
        """The epoch being decided."""
        return self.instance.epoch

    @property
    def may_sign(self) -> bool:
        """A validator of this epoch that does not abstain, above all that its log has settled."""
        return self.me is not None and not self.abstain and (self.epoch, self.view) > self.floor

    @property
    def first_open_view(self) -> int | None:
        """The first view that we passed without knowing its outcome; perhaps nobody knows it."""
        for view in range(self.final_view + 1, self.view):
            known = self.at(view)
            if known.notarized is None and known.null is None:
                return view
        return None

    def at(self, view: int) -> ViewState:
        """What is known of a view."""
        return self.views.get(view, EMPTY_VIEW)

    def with_view(self, view: int, known: ViewState) -> "State":
        """The state with one view replaced."""
        return changed(self, views={**self.views, view: known})

    def is_executed(self, block_id: Hash32) -> bool:
        """Body present, durable, executed; all its ancestors too."""
        return block_id in self.executed


def in_next_epoch(state: State) -> State:
    """R10: the last block of an epoch is final, so its instance is over and another begins."""
    config = state.config
    instance = Instance.after(
        state.final,
        state.electorates[state.epoch + 1],
        genesis_hash=config.genesis_hash,
        epoch_blocks=config.epoch_blocks,
    )
    later = {epoch: known for epoch, known in state.electorates.items() if epoch > instance.epoch}
    return changed(
        state,
        instance=instance,
        electorates=later,
        me=instance.electorate.index_of(config.validator),
        edge_certificate=state.final_certificate,
        final_view=0,
        view=0,
        views={},
        heard={},
    )


def initial(config: CoreConfig, start: BlockRef, electorates: Mapping[int, Electorate]) -> State:
    """A node that knows the chain up to `start`, the last block of an epoch (or block 0)."""
    epoch = epoch_after(start.height, config.epoch_blocks)
    instance = Instance.after(
        start,
        electorates[epoch],
        genesis_hash=config.genesis_hash,
        epoch_blocks=config.epoch_blocks,
    )
    return State(
        config=config,
        instance=instance,
        electorates={number: known for number, known in electorates.items() if number > epoch},
        me=instance.electorate.index_of(config.validator),
        abstain=False,
        final=start,
        blocks={start.id: start},
        executed=frozenset((start.id,)),
    )
