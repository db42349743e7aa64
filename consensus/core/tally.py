"""Votes of one phase of one view: a quorum is announced once, a conflict is a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consensus.electorate import Electorate
from consensus.memory import Memory, field
from consensus.quorum import reaches_quorum
from consensus.votes import SignedVote
from native.hashing import Hash32

Subject = tuple[int, Hash32]
"""(height, block id): a vote names both, so votes for one block at two heights are two things."""


class Tally(Memory, frozen=True):
    """The first vote of every voter, and the weight behind everything that was voted for."""

    votes: Mapping[int, SignedVote] = field(default_factory=dict)
    weights: Mapping[Subject, int] = field(default_factory=dict)


EMPTY_TALLY: Final = Tally()


@dataclass(frozen=True, slots=True)
class Counted:
    """A new vote; the quorum is not reached, or was reached before."""

    tally: Tally


@dataclass(frozen=True, slots=True)
class Quorum:
    """This vote is the one that reaches the quorum."""

    tally: Tally
    votes: tuple[SignedVote, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The voter said this before."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The voter said something else before; that first vote stays the one that counts."""

    first: SignedVote


Outcome = Counted | Quorum | Duplicate | Conflict


def count(tally: Tally, signed: SignedVote, electorate: Electorate) -> Outcome:
    """Add one vote of a member of `electorate`."""
    held = tally.votes.get(signed.voter_index)
    if held is not None:
        return Duplicate() if held.vote == signed.vote else Conflict(held)
    subject, total = (signed.vote.height, signed.vote.block_id), electorate.total
    before = tally.weights.get(subject, 0)
    after = before + electorate.weights[signed.voter_index]
    counted = Tally({**tally.votes, signed.voter_index: signed}, {**tally.weights, subject: after})
    if reaches_quorum(before, total) or not reaches_quorum(after, total):
        return Counted(counted)
    return Quorum(
        counted, tuple(held for held in counted.votes.values() if held.vote == signed.vote)
    )
