"""Who votes in an epoch, with which weight, and whose turn it is in each view."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from genesis.beacon import epoch_seed as epoch_seed
from genesis.units import Address
from genesis.validators import ValidatorSet
from native.hashing import Hash32, xof

SCHEDULE_SLOTS: Final = 256
_SCHEDULE_DOMAIN: Final = "aichain/schedule/v1"
_WORD_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Electorate:
    """The voters of one epoch. Members stand in the order of the validator set."""

    epoch: int
    members: tuple[Address, ...]
    weights: tuple[int, ...]
    schedule: tuple[int, ...]
    vset_hash: Hash32
    places: tuple[int, ...] = ()
    """Of each member in the validator set, where headers and keys are; empty: its own index."""
    total: int = field(init=False)

    def __post_init__(self) -> None:
        assert len(self.places) in (0, len(self.members)), "a place for each member, or for none"
        assert len(self.members) == len(self.weights) > 0, "members and weights differ"
        assert all(weight > 0 for weight in self.weights), "a voter without weight"
        assert len(self.schedule) == SCHEDULE_SLOTS, "the schedule has 256 slots"
        object.__setattr__(self, "total", sum(self.weights))

    @classmethod
    def of(cls, validators: ValidatorSet, epoch: int, seed: Hash32) -> "Electorate":
        """The whole validator set (up to `full_set_limit` the committee is everyone)."""
        weights = tuple(validator.stake for validator in validators.validators)
        members = tuple(validator.address for validator in validators.validators)
        return cls(epoch, members, weights, draw_schedule(weights, seed), validators.hash)

    def __len__(self) -> int:
        return len(self.members)

    def index_of(self, address: Address | None) -> int | None:
        """The member's index, or None for a stranger."""
        if address is None or address not in self.members:
            return None
        return self.members.index(address)

    def place(self, index: int) -> int:
        """Where a member stands in the validator set: seat holders of a term are but some of it."""
        return self.places[index] if self.places else index

    def proposer(self, view: int) -> int:
        """The index of the validator whose turn `view` is."""
        return self.schedule[view % SCHEDULE_SLOTS]


def draw_schedule(weights: Sequence[int], seed: Hash32) -> tuple[int, ...]:
    """256 slots apportioned to the weights, shuffled by the seed: exactly fair in every epoch."""
    slots = [
        index
        for index, count in enumerate(apportion(weights, SCHEDULE_SLOTS))
        for _ in range(count)
    ]
    words = iter(_words(seed))
    for last in range(len(slots) - 1, 0, -1):  # Fisher-Yates
        other = _below(last + 1, words)
        slots[last], slots[other] = slots[other], slots[last]
    return tuple(slots)


def apportion(weights: Sequence[int], seats: int) -> tuple[int, ...]:
    """Largest remainder (Hamilton); equal remainders go to the lower index."""
    total = sum(weights)
    counts = [seats * weight // total for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda index: (-(seats * weights[index] % total), index)
    )
    for index in by_remainder[: seats - sum(counts)]:
        counts[index] += 1
    return tuple(counts)


def _words(seed: Hash32) -> list[int]:
    """More than enough 64-bit numbers: one is rejected with probability below 2^-55."""
    stream = xof(_SCHEDULE_DOMAIN, seed, 2 * SCHEDULE_SLOTS * _WORD_BYTES)
    return [
        int.from_bytes(stream[at : at + _WORD_BYTES], "big")
        for at in range(0, len(stream), _WORD_BYTES)
    ]


def _below(bound: int, words: Iterator[int]) -> int:
    """An unbiased number in [0, bound) by rejection."""
    limit = 2**64 - 2**64 % bound
    return next(word for word in words if word < limit) % bound
