"""The randomness beacon: the seeds it starts with, and how a reveal moves it."""

from typing import Final

from native.hashing import Hash32, derive_hash

_SEED_DOMAIN: Final = "aichain/epoch-seed/v1"
_MIX_DOMAIN: Final = "aichain/beacon-mix/v1"


def epoch_seed(seed: Hash32, epoch: int) -> Hash32:
    """The randomness of epochs 0 and 1, which no reveal decides: of the genesis document's seed."""
    return derive_hash(_SEED_DOMAIN, seed + epoch.to_bytes(8, "big"))


def mixed(mix: Hash32, reveal: Hash32) -> Hash32:
    """The beacon after a block; block 0 has the genesis document's seed."""
    return derive_hash(_MIX_DOMAIN, mix + reveal)
