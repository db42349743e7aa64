"""The consensus core, who votes, and who signed twice."""

from msgspec import UNSET, UnsetType

from aichain.rpc.results.blocks import Checkpoint
from aichain.rpc.results.result import AddressHex, Count, HashHex, Hex, Result, WeightText
from aichain.rpc.results.transactions import LaneName, PhaseName
from aichain.rpc.statuses import Voting


class Member(Result, frozen=True):
    index: Count
    address: AddressHex


class Timers(Result, frozen=True):
    """When, at the earliest, a proposal may come, the view is given up, and votes are repeated."""

    proposal_ms: Count
    cancel_ms: Count
    repeat_ms: Count


class SignedUpTo(Result, frozen=True):
    epoch: Count
    view: Count


class FinalBlock(Result, frozen=True):
    height: Count
    hash: HashHex
    view: Count
    final_view: Count
    """Of its FINAL; `view` is the one that it was proposed in."""


class Tip(Result, frozen=True):
    """What the next proposal has to rest on."""

    view: Count
    hash: HashHex
    height: Count | None


class OwnVotes(Result, frozen=True):
    """What this node has decided to sign in a view; all of it is in its vote log."""

    proposed: HashHex | None
    prefer: HashHex | None
    commit: HashHex | None
    cancel: bool


class Tally(Result, frozen=True):
    """The weight behind a block; a CANCEL names none."""

    hash: HashHex | None
    weight: WeightText
    voters: list[Count]


class Votes(Result, frozen=True):
    prefer: list[Tally]
    commit: list[Tally]
    cancel: list[Tally]


class HeldCertificates(Result, frozen=True):
    notar: HashHex | None
    final: HashHex | None
    null: bool


class View(Result, frozen=True):
    view: Count
    proposer: Count
    proposals: list[HashHex]
    mine: OwnVotes
    votes: Votes
    certificates: HeldCertificates


class Heard(Member, frozen=True):
    view: Count | None
    """The last one in which anything signed by it was seen."""
    silent: bool
    """Its turns are skipped."""


class Core(Result, frozen=True):
    """One run of the protocol: the present view first, then the open ones below it."""

    epoch: Count
    instance_id: HashHex
    view: Count
    proposer: Member
    entered_ms: Count
    failed_views: Count
    timers: Timers | None
    started: bool
    halted: str | None
    validator_index: Count | None
    signs: bool
    signs_above: SignedUpTo
    final: FinalBlock
    tip: Tip | None
    quorum: WeightText
    total_weight: WeightText
    views: list[View]
    open_views: Count
    heard: list[Heard]


class Ballot(Result, frozen=True):
    """The hard lane: which checkpoint comes next."""

    number: Count
    armed: bool
    checkpoints: list[Checkpoint]
    core: Core


class Closed(Result, frozen=True):
    at_ms: Count
    cause: str
    view: Count


class Term(Result, frozen=True):
    """The fast lane: blocks made by one committee."""

    number: Count
    start_height: Count
    last_height: Count
    open: bool
    closed: Closed | None
    seats_closed: Count
    seats_to_close: Count
    fast_height: Count | None
    core: Core


class CoreState(Core, frozen=True, tag_field="lanes", tag=1):
    """Where everybody votes on every block."""

    now_ms: Count
    voting: Voting


class LanesState(Result, frozen=True, tag_field="lanes", tag=2):
    """Where committees make blocks fast, and all validators make checkpoints hard."""

    now_ms: Count
    voting: Voting
    epoch: Count
    halted: str | None
    checkpoint: Checkpoint
    hard_height: Count
    ballot: Ballot
    terms: list[Term]


class Voter(Member, frozen=True):
    weight: WeightText
    turns: Count
    """Of 256 views it is the proposer in."""


class Turn(Member, frozen=True):
    view: Count


class Committee(Result, frozen=True):
    """Who votes on a height, and whose turn the next views are."""

    height: Count
    epoch: Count
    vset_hash: HashHex
    quorum: WeightText
    total_weight: WeightText
    turns_in_all: Count
    voters: list[Voter]
    schedule: list[Turn]
    term: Count | UnsetType = UNSET
    """With two lanes, where these are the seats of a term; weight is seats then."""


class VoteSide(Result, frozen=True):
    phase: PhaseName
    height: Count | None
    block_hash: HashHex | None
    signed_message: Hex
    signature: Hex


class ProposalSide(Result, frozen=True):
    justify_view: Count
    height: Count
    block_hash: HashHex
    signed_message: Hex
    signature: Hex


class _TwoSignatures(Result, frozen=True, tag_field="kind"):
    hash: HashHex
    epoch: Count
    view: Count
    instance_id: HashHex
    offender: Count
    offender_address: AddressHex | None
    raw: Hex


class ConflictingVotes(_TwoSignatures, frozen=True, tag="votes"):
    first: VoteSide
    second: VoteSide


class ConflictingProposals(_TwoSignatures, frozen=True, tag="proposals"):
    first: ProposalSide
    second: ProposalSide


class _Accusation(Result, frozen=True, tag_field="kind"):
    hash: HashHex
    lane: LaneName
    epoch: Count
    term: Count
    start_hash: HashHex
    offender: Count
    raw: Hex


class DoubleSignature(_Accusation, frozen=True, tag="double"):
    """With two lanes: two votes or proposals of one view."""


class BrokenClose(_Accusation, frozen=True, tag="close"):
    """With two lanes: a CLOSE below an own COMMIT."""


Evidence = ConflictingVotes | ConflictingProposals | DoubleSignature | BrokenClose


class EvidencePage(Result, frozen=True):
    """The newest first."""

    count: Count
    """Of all that is held."""
    evidence: list[Evidence]
    next: HashHex | None
    """The cursor of the page below; None on the last."""
