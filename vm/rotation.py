"""How a validator set moves from one epoch to the next: rank, then at most an eighth of churn."""

from collections.abc import Container

from vm.epochs import Stakes

CHURN_PART = 8
"""At most one part in so many of the stake changes hands in one epoch (consensus.md §3.9)."""


def rank(candidates: Stakes, most: int) -> dict[int, int]:
    """The `most` candidates with the highest stakes; of equals, those that registered first."""
    best = sorted(candidates, key=lambda index: (-candidates[index], index))[:most]
    return {index: candidates[index] for index in best}


def rotate(old: Stakes, wanted: Stakes, gone: Container[int], most: int) -> dict[int, int]:
    """From `old` towards `wanted`, which stands in the order of its rank.

    Who is `gone` (a proven double signer) leaves at once and costs nothing of the budget. Falls
    and rises each get at least half of it: were falls served alone, a whale that leaves would
    shrink by an eighth of itself for ever and nobody could join; were rises, nobody could leave.
    A set is never empty: one that nobody follows stays.
    """
    seats = {index: stake for index, stake in old.items() if index not in gone}
    if not wanted:
        return seats or dict(old)
    budget = sum(old.values()) // CHURN_PART
    rises = sum(max(0, stake - seats.get(index, 0)) for index, stake in wanted.items())
    spent = _fall(seats, wanted, budget - min(rises, budget // 2))
    _rise(seats, wanted, budget - spent, most)
    return seats or dict(old)


def _fall(seats: dict[int, int], wanted: Stakes, budget: int) -> int:
    """Take from those above what they are wanted with, first registered first."""
    spent = 0
    for index in sorted(seats):
        step = min(budget - spent, max(0, seats[index] - wanted.get(index, 0)))
        seats[index] -= step
        spent += step
        if seats[index] == 0:
            del seats[index]
    return spent


def _rise(seats: dict[int, int], wanted: Stakes, budget: int, most: int) -> None:
    """Add to those below, highest rank first; who is new needs a free seat."""
    for index, stake in wanted.items():
        if index not in seats and len(seats) >= most:
            continue
        step = min(budget, max(0, stake - seats.get(index, 0)))
        if step:
            seats[index] = seats.get(index, 0) + step
            budget -= step
