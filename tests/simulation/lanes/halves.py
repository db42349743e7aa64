"""Two sides of about the same stake."""

from collections.abc import Iterable, Sequence

Halves = tuple[tuple[int, ...], ...]


def halve(members: Iterable[int], stakes: Sequence[int]) -> Halves:
    """The heavy ones first, each to the side that is lighter."""
    one, other = list[int](), list[int]()
    for member in sorted(members, key=lambda each: -stakes[each]):
        lighter = min((one, other), key=lambda half: sum(stakes[each] for each in half))
        lighter.append(member)
    return tuple(sorted(one)), tuple(sorted(other))


def sides_of(halves: Halves) -> dict[int, int]:
    """In which half each member is."""
    return {member: side for side, half in enumerate(halves) for member in half}
