"""Refusals about validators: the beacon, evidence of double signing, votes for an anchor."""

from dataclasses import dataclass

from vm.errors import InvalidBlock, InvalidTransaction

# --- evidence: it cannot be charged, so it makes its block invalid


@dataclass(eq=False)
class NotInConflict(InvalidTransaction):
    """An honest validator may sign both in one view."""

    view: int


@dataclass(eq=False)
class EvidenceForeign(InvalidTransaction):
    """The claims were made on another chain."""

    expected: bytes
    given: bytes


@dataclass(eq=False)
class EvidenceTooEarly(InvalidTransaction):
    """The claims are about an epoch that has not begun."""

    epoch: int
    current: int


@dataclass(eq=False)
class EvidenceExpired(InvalidTransaction):
    """The stake behind the claims may have been withdrawn."""

    expired_at: int
    height: int


# --- votes for an anchor: free as well


@dataclass(eq=False)
class WrongAnchor(InvalidTransaction):
    """Votes are collected for the last block of the last epoch that ended."""

    expected_height: int
    given_epoch: int


@dataclass(eq=False)
class AnchorClosed(InvalidTransaction):
    closed_at: int
    height: int


@dataclass(eq=False)
class CheckpointMisplaced(InvalidTransaction):
    """Votes are for a checkpoint on a chain of two lanes, and for the block on any other."""

    has_lanes: bool


@dataclass(eq=False)
class WrongCheckpoint(InvalidTransaction):
    """It does not end at the anchor, or names another set to come."""

    field: str


@dataclass(eq=False)
class VotersMalformed(InvalidTransaction):
    """The bitmap is not one of this set."""

    members: int
    size_bytes: int


@dataclass(eq=False)
class VotesMismatch(InvalidTransaction):
    """Every voter that is named brings one signature."""

    voters: int
    signatures: int


@dataclass(eq=False)
class VoteCounted(InvalidTransaction):
    """The vote of this member was seen before."""

    voter: int


@dataclass(eq=False)
class SystemTransaction(InvalidTransaction):
    """It waits in no pool: whoever proposes puts it into its own block."""

    kind: int


# --- transactions that are charged and fail


@dataclass(eq=False)
class Tombstoned(InvalidTransaction):
    """Who was proven to have signed twice is no validator ever again; its stake may leave."""

    address: bytes


@dataclass(eq=False)
class OnionRepeated(InvalidTransaction):
    """A renewal with the same onion would reveal what everybody has seen."""

    head: bytes


@dataclass(eq=False)
class RenewalPending(InvalidTransaction):
    """One onion waits already; replacing it would be a choice made after seeing the mix."""

    epoch: int


# --- blocks


@dataclass(eq=False)
class TooManySystemTransactions(InvalidBlock):
    """They are free, so a block has room for a few only."""

    count: int
    limit: int


@dataclass(eq=False)
class OnionExhausted(InvalidBlock):
    """The proposer has nothing left to reveal: it has to renew its onion before it may propose."""

    proposer_index: int


@dataclass(eq=False)
class WrongReveal(InvalidBlock):
    """The reveal does not hash to what its proposer committed to."""

    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongBeaconMix(InvalidBlock):
    expected: bytes
    given: bytes
