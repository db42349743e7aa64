"""The terms and ballots that live, or lived a moment ago: who votes in them, with which keys."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from aichain.node.electorates import Electorates
from consensus.certificates import QuorumCertificate, certificate_witnesses
from consensus.instance import Instance
from consensus.lanes.closes import CLOSE_CONTEXT, SignedClose
from consensus.lanes.effects import BeginInstance
from consensus.votes import Lane
from genesis.limits import INSTANCES_REMEMBERED_MAX
from native.hashing import Hash32
from native.signatures import SignatureItem


@dataclass(frozen=True, slots=True)
class Seating:
    """One instance, and the consensus keys of its voters in their order."""

    lane: Lane
    number: int
    instance: Instance
    keys: tuple[bytes, ...]


class Instances:
    """Learns of each instance as it begins; the newest of one lane and number is the living one."""

    def __init__(self, electorates: Electorates) -> None:
        self._electorates = electorates
        self._by_id: OrderedDict[Hash32, Seating] = OrderedDict()
        self._by_number: dict[tuple[Lane, int], Seating] = {}

    def begin(self, effect: BeginInstance) -> Seating:
        """A term or ballot has begun."""
        instance = effect.instance
        validators = self._electorates.validators(instance.epoch)
        places = map(instance.electorate.place, range(len(instance.electorate)))
        keys = tuple(validators[place].public_key for place in places)
        seating = Seating(effect.lane, effect.number, instance, keys)
        self._by_id[instance.id] = self._by_number[effect.lane, effect.number] = seating
        while len(self._by_id) > INSTANCES_REMEMBERED_MAX:
            _, old = self._by_id.popitem(last=False)
            if self._by_number.get((old.lane, old.number)) is old:
                del self._by_number[old.lane, old.number]
        return seating

    def named(self, instance_id: Hash32) -> Seating | None:
        """The instance of this id."""
        return self._by_id.get(instance_id)

    def numbered(self, lane: Lane, number: int) -> Seating | None:
        """The term or ballot that a vote names."""
        return self._by_number.get((lane, number))

    def witnesses(self, certificate: QuorumCertificate, seating: Seating) -> list[SignatureItem]:
        """What must verify for a certificate to hold, its quorum checked."""
        instance = seating.instance
        validators = self._electorates.validators(instance.epoch)
        return list(certificate_witnesses(certificate, validators, instance.electorate))


def close_witnesses(closes: Sequence[SignedClose], seating: Seating) -> list[SignatureItem]:
    """What must verify for CLOSEs of a term to hold; their seats are checked."""
    return [
        SignatureItem(
            seating.keys[each.voter_index],
            each.close.signing_bytes,
            CLOSE_CONTEXT,
            each.signature,
        )
        for each in closes
    ]
