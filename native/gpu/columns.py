"""Items taken apart: a list of each part, because lists are handled at the speed of C."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from native.gpu.packing import kinds_of
from native.signatures import Algorithm, SignatureItem

Part = TypeVar("Part")


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
        kinds = kinds_of(self.public_keys, self.contexts, self.signatures)
        found: list[tuple[Algorithm, Sequence[int]]] = []
        for algorithm in Algorithm:
            count = kinds.count(algorithm)
            if count == len(kinds) and count:
                found.append((algorithm, range(count)))
            elif count:
                found.append(
                    (algorithm, [at for at, kind in enumerate(kinds) if kind == algorithm])
                )
        return found


def pick(column: Sequence[Part], places: Sequence[int]) -> Sequence[Part]:
    """What a column has at these places."""
    if isinstance(places, range):
        return column[places.start : places.stop]
    return [column[place] for place in places]
