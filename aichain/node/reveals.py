"""What this validator reveals in its blocks: onions made of its key, peeled layer by layer."""

import logging
from typing import Final

from aichain.keystore import onion_seed_of
from genesis.epochs import epoch_after
from genesis.onion import Onion, peel
from genesis.units import address_of_key
from native.hashing import Hash32
from native.signatures import SigningKey
from vm.onions import OnionRecord, onion_at
from vm.state import State

log = logging.getLogger(__name__)

WARN_AT: Final = (2**16, 2**14)
"""Layers left when the log asks for a renewal: 36 and 9 hours of four validators."""
LOW: Final = (
    "%d reveals are left; where the owner's key is another one, run `aichain tx renew-onion`"
)
FOREIGN: Final = (
    "no block of ours: the onion that was registered is not this key's, "
    "run `aichain tx renew-onion`"
)


class Reveals:
    """An onion takes up to a second to make, so it is made at the start and kept."""

    def __init__(self, key: SigningKey | None) -> None:
        self._key = key
        self._onions: dict[int, Onion] = {}

    def prepare(self, head: State) -> None:
        """Make the onion of our next turn, if the key votes at all. Blocking."""
        epoch = epoch_after(head.head.height, head.document.consensus.epoch_blocks)
        validators = head.validators_of(epoch)
        assert self._key is not None, "only a validator reveals"
        assert validators is not None, "a state knows the set of its next block"
        place = validators.index_of(address_of_key(self._key.public_key))
        if place is not None:
            self.next(head, epoch, place)

    def next(self, parent: State, epoch: int, place: int) -> Hash32 | None:
        """The reveal of a block on `parent`; None, and a reason in the log, if we have none.

        Blocking where the onion is new.
        """
        voters = parent.epoch(epoch)
        assert voters is not None, "a state knows the set of its next block"
        record = onion_at(parent.get, voters.seats[place].index, epoch)
        if record.layers == 0:
            log.error("no block of ours: the onion is exhausted, run `aichain tx renew-onion`")
            return None
        if record.layers in WARN_AT:
            log.warning(LOW, record.layers)
        reveal = self.make(record).reveal(record.layers)
        if peel(reveal) != record.head:
            log.error(FOREIGN)
            return None
        return reveal

    def make(self, record: OnionRecord) -> Onion:
        """That of so many renewals, with at least as many layers as are left on this branch.

        Blocking where it is new. This one and the one before are kept: a renewal is made early.
        """
        assert self._key is not None, "only a validator reveals"
        onion = self._onions.get(record.renewals)
        if onion is None or onion.length < record.layers:
            onion = Onion.build(onion_seed_of(self._key, record.renewals), record.layers)
            before = self._onions.get(record.renewals - 1)
            self._onions = {record.renewals: onion}
            if before is not None:
                self._onions[record.renewals - 1] = before
        return onion
