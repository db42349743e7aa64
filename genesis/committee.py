"""Who holds the seats of a term: twenty, by stake and by the epoch's seed.

Fait accompli sampling: who has 2.7 seats' worth of stake has two seats for sure and plays with the
remaining 0.7 for those that are left over. The expectation is exactly the stake, the variance is
never above that of independent draws, and with twenty equal stakes the committee is everybody.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from native.hashing import Hash32, xof

COMMITTEE_SEATS: Final = 20
_SEATS_DOMAIN: Final = "aichain/committee/v1"
_LANE_MARK: Final = b"F"
_WORD_BYTES: Final = 32


def draw_seats(
    stakes: Sequence[int], seed: Hash32, term: int, *, seats: int = COMMITTEE_SEATS
) -> tuple[int, ...]:
    """How many seats each validator has in `term`; they sum to `seats`.

    The remainder is drawn by what the guaranteed seats leave of each stake, not by the stake
    itself: otherwise a whale's fraction would count twice.
    """
    total = sum(stakes)
    drawn = [seats * stake // total for stake in stakes]
    shares = list(accumulate(seats * stake % total for stake in stakes))
    words = iter(_words(seed + _LANE_MARK + term.to_bytes(8, "big"), seats))
    for _ in range(seats - sum(drawn)):
        drawn[bisect_right(shares, _below(shares[-1], words))] += 1
    return tuple(drawn)


def _words(seed: bytes, seats: int) -> list[int]:
    """Twice what is needed: of 256-bit numbers, hardly one in 2^120 is ever rejected."""
    stream = xof(_SEATS_DOMAIN, seed, 2 * seats * _WORD_BYTES)
    return [
        int.from_bytes(stream[at : at + _WORD_BYTES], "big")
        for at in range(0, len(stream), _WORD_BYTES)
    ]


def _below(bound: int, words: Iterator[int]) -> int:
    """An unbiased number in [0, bound) by rejection."""
    limit = 2**256 - 2**256 % bound
    return next(word for word in words if word < limit) % bound
