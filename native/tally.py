"""Who signed each of many groups of votes, and with how much stake; the definition of it."""

from collections.abc import Sequence
from dataclasses import dataclass

STAKE_SUM_MAX = 2**64 - 1
"""All stakes together: then no sum overflows 64 bits."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Of each of many signatures, the group of votes it belongs to and the number of its signer."""

    groups: Sequence[int]
    signers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one group: a bit for each signer, the lowest of the first byte first, and their stake."""

    bitmap: bytes
    stake: int


def tally_votes(
    verdicts: Sequence[bool], votes: Votes, stakes: Sequence[int], groups: int
) -> list[Tally]:
    """One tally a group. A signer counts once in a group, however often it voted there."""
    require_countable(verdicts, votes, stakes, groups)
    signers: list[set[int]] = [set() for _ in range(groups)]
    for verdict, group, signer in zip(verdicts, votes.groups, votes.signers, strict=True):
        if verdict:
            signers[group].add(signer)
    return [_tally(each, stakes) for each in signers]


def require_countable(
    items: Sequence[object], votes: Votes, stakes: Sequence[int], groups: int
) -> None:
    """Every item has a vote, every vote a group and a signer with a stake, and sums fit."""
    assert len(items) == len(votes.groups) == len(votes.signers), "one vote an item"
    assert all(0 <= group < groups for group in votes.groups), "a vote is of no group"
    assert all(0 <= signer < len(stakes) for signer in votes.signers), "a signer has no stake"
    assert min(stakes, default=0) >= 0, "a stake is negative"
    assert sum(stakes) <= STAKE_SUM_MAX, "sums of stakes do not fit 64 bits"


def _tally(signers: set[int], stakes: Sequence[int]) -> Tally:
    bits = sum(1 << signer for signer in signers)
    size = -(-len(stakes) // 8)
    return Tally(bits.to_bytes(size, "little"), sum(stakes[signer] for signer in signers))
