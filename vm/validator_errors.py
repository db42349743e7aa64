"""Refusals about validators: the beacon, proofs of double signing, votes for an anchor."""

from dataclasses import dataclass

from vm.errors import InvalidBlock, InvalidTransaction

# --- transactions that are charged and fail


@dataclass(eq=False)
class Tombstoned(InvalidTransaction):
    """Who was proven to have signed twice is no validator ever again; its stake may leave."""

    address: bytes


@dataclass(eq=False)
class OnionRepeated(InvalidTransaction):
    """A renewal with the same onion would reveal what everybody has seen."""

    head: bytes


@dataclass(eq=False)
class RenewalPending(InvalidTransaction):
    """One onion waits already; replacing it would be a choice made after seeing the mix."""

    epoch: int


# --- blocks


@dataclass(eq=False)
class OnionExhausted(InvalidBlock):
    """The proposer has nothing left to reveal: it has to renew its onion before it may propose."""

    proposer_index: int


@dataclass(eq=False)
class WrongReveal(InvalidBlock):
    """The reveal does not hash to what its proposer committed to."""

    expected: bytes
    given: bytes


@dataclass(eq=False)
class WrongBeaconMix(InvalidBlock):
    expected: bytes
    given: bytes
