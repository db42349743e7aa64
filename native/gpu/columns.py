"""Items taken apart: a list of each part, because lists are handled at the speed of C."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from native.signatures import (
    CONTEXT_MAX_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Algorithm,
    SignatureItem,
)

Part = TypeVar("Part")

_ALGORITHM_OF_LENGTHS = {
    (PUBLIC_KEY_BYTES[algorithm], SIGNATURE_BYTES[algorithm]): algorithm for algorithm in Algorithm
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The parts of some items, in their order."""

    public_keys: Sequence[bytes]
    messages: Sequence[bytes]
    contexts: Sequence[bytes]
    signatures: Sequence[bytes]

    @classmethod
    def of(cls, items: Sequence[SignatureItem]) -> Self:
        """All of each."""
        return cls(
            [item.public_key for item in items],
            [item.message for item in items],
            [item.context for item in items],
            [item.signature for item in items],
        )

    def at(self, places: Sequence[int]) -> Self:
        """Those of some places only."""
        return type(self)(
            *(
                pick(column, places)
                for column in (self.public_keys, self.messages, self.contexts, self.signatures)
            )
        )

    def places_by_algorithm(self) -> list[tuple[Algorithm, Sequence[int]]]:
        """Where the lengths are right that FIPS 204 fixes, by parameter set; others are invalid."""
        lengths = list(zip(map(len, self.public_keys), map(len, self.signatures), strict=True))
        kinds, longest = set(lengths), max(map(len, self.contexts), default=0)
        if len(kinds) == 1 and longest <= CONTEXT_MAX_BYTES:
            only = _ALGORITHM_OF_LENGTHS.get(lengths[0])
            return [] if only is None else [(only, range(len(lengths)))]
        places: defaultdict[Algorithm, list[int]] = defaultdict(list)
        for place, (each, context) in enumerate(zip(lengths, self.contexts, strict=True)):
            algorithm = _ALGORITHM_OF_LENGTHS.get(each)
            if algorithm is not None and len(context) <= CONTEXT_MAX_BYTES:
                places[algorithm].append(place)
        return list(places.items())


def pick(column: Sequence[Part], places: Sequence[int]) -> Sequence[Part]:
    """What a column has at these places."""
    if isinstance(places, range):
        return column[places.start : places.stop]
    return [column[place] for place in places]
