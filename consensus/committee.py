"""The committee of a term: the holders of its seats, as voters who take turns."""

from typing import Final

from consensus.electorate import Electorate, draw_schedule
from genesis.committee import COMMITTEE_SEATS as COMMITTEE_SEATS
from genesis.committee import draw_seats as draw_seats
from native.hashing import Hash32, derive_hash

_TURNS_DOMAIN: Final = "aichain/committee-schedule/v1"


def draw_committee(
    electorate: Electorate, seed: Hash32, term: int, *, seats: int = COMMITTEE_SEATS
) -> Electorate:
    """The seat holders of `term` as voters: weight is seats, and each signs once.

    They stand in the order of the validator set, and take turns by their seats.
    """
    drawn = draw_seats(electorate.weights, seed, term, seats=seats)
    holders = [index for index, count in enumerate(drawn) if count]
    weights = tuple(drawn[index] for index in holders)
    turns = derive_hash(_TURNS_DOMAIN, seed + term.to_bytes(8, "big"))
    return Electorate(
        electorate.epoch,
        tuple(electorate.members[index] for index in holders),
        weights,
        draw_schedule(weights, turns),
        electorate.vset_hash,
        tuple(holders),
    )
