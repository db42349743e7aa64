"""Which items are of which parameter set."""

from collections import defaultdict
from collections.abc import Sequence

from native.signatures import Algorithm, SignatureItem, algorithm_of, has_signature_shape


def places_by_algorithm(
    items: Sequence[SignatureItem],
) -> list[tuple[Algorithm, Sequence[int]]]:
    """The places of items whose lengths are right, in order."""
    if len({(len(each.public_key), len(each.signature)) for each in items}) == 1 and all(
        has_signature_shape(each) for each in _one_of_each_context(items)
    ):
        return [(algorithm_of(items[0].public_key), range(len(items)))]
    places: defaultdict[Algorithm, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if has_signature_shape(item):
            places[algorithm_of(item.public_key)].append(place)
    return list(places.items())


def _one_of_each_context(items: Sequence[SignatureItem]) -> Sequence[SignatureItem]:
    """Enough to look at, where all keys are of one length, and all signatures."""
    return list({each.context: each for each in items}.values())
