"""Who votes in the epochs around the chain's head, as its state decided it."""

from dataclasses import dataclass

from aichain.chain import Chain
from consensus.electorate import Electorate
from genesis.epochs import epoch_after
from genesis.validators import ValidatorSet
from native.hashing import Hash32

_REMEMBERED = 4
"""Epochs: the one before, whose last votes are still signed, this one, and the next two."""


@dataclass(frozen=True, slots=True)
class _Voters:
    validators: ValidatorSet
    seed: Hash32
    electorate: Electorate


class Electorates:
    """Asked for the core's epoch and its neighbours; a set is decided one epoch ahead."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._known: dict[int, _Voters] = {}
        blocks = chain.document.consensus.epoch_blocks
        self._epoch = epoch_after(chain.head.head.height, blocks)
        self._keys, self._leaving = self._keys_around(), self._keys_before()

    @property
    def keys(self) -> frozenset[bytes]:
        """Consensus keys of this epoch and the next: whose votes, or connections, matter."""
        return self._keys

    def may_vote(self, key: bytes) -> bool:
        """Whether votes of this key may count: also for the anchor of the epoch before, which is
        the last one of who has left the set, and has no turn of its own to bring its vote."""
        return key in self._keys or key in self._leaving

    def electorate(self, epoch: int) -> Electorate:
        """The weights and the turns of an epoch."""
        return self._voters(epoch).electorate

    def validators(self, epoch: int) -> ValidatorSet:
        """The keys of an epoch, in the order of its electorate."""
        return self._voters(epoch).validators

    def seed(self, epoch: int) -> Hash32:
        """What draws the turns of an epoch, and the committees in it."""
        return self._voters(epoch).seed

    def enter(self, epoch: int) -> None:
        """The core is in this epoch now; the set of the next one is known."""
        self._epoch = epoch
        self._keys, self._leaving = self._keys_around(), self._keys_before()
        for old in [number for number in self._known if number <= epoch - _REMEMBERED]:
            del self._known[old]

    def _keys_around(self) -> frozenset[bytes]:
        return frozenset(
            validator.public_key
            for epoch in (self._epoch, self._epoch + 1)
            for validator in self.validators(epoch)
        )

    def _keys_before(self) -> frozenset[bytes]:
        before = self._epoch - 1
        members = self.validators(before) if before >= 0 else ()
        return frozenset(validator.public_key for validator in members)

    def _voters(self, epoch: int) -> _Voters:
        known = self._known.get(epoch)
        if known is None:
            decided = self._chain.head.epoch(epoch)
            assert decided is not None, "the head's state knows the core's epoch and its neighbours"
            electorate = Electorate.of(decided.validators, epoch, decided.seed)
            known = self._known[epoch] = _Voters(decided.validators, decided.seed, electorate)
        return known
