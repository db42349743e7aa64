"""The hash onion behind the randomness beacon: commit to its head, peel one layer a proposal."""

from dataclasses import dataclass, field
from typing import Self

from genesis import limits
from native.hashing import HASH_BYTES, Hash32, derive_hash

DEFAULT_ONION_LENGTH = 2**20
"""Proposals a validator can make before it must commit again: 24 days of four validators, 121 of
twenty. The head takes about 0.7 s to compute: for the commitment, and at every start."""

_CONTEXT = "aichain/onion/v1"
_SEED_CONTEXT = "aichain/onion-seed/v1"
_STRIDE = 256  # a reveal costs at most this many hashes, 0.15 ms


def peel(layer: bytes) -> Hash32:
    """H of the onion: the head `c` and its reveal `r` satisfy peel(r) == c."""
    return derive_hash(_CONTEXT, layer)


def onion_seed(key_seed: bytes, renewals: int = 0) -> bytes:
    """The seed of the onion that goes with a validator key: one backup restores all of them.

    Each renewal has a seed of its own, or it would reveal again what everybody has seen.
    """
    if renewals == 0:
        return derive_hash(_SEED_CONTEXT, key_seed)
    return derive_hash(_SEED_CONTEXT, key_seed + renewals.to_bytes(4, "big"))


def onion_head(seed: bytes, length: int = DEFAULT_ONION_LENGTH) -> Hash32:
    """H^length(seed): what a validator entry commits to."""
    return Onion.build(seed, length).head


@dataclass(frozen=True, slots=True)
class Onion:
    """All layers of one onion, of which every 256th is kept. Whoever holds it knows the seed."""

    length: int
    head: Hash32
    _kept: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def build(cls, seed: bytes, length: int) -> Self:
        """Compute every layer once; about 0.6 µs a layer."""
        if len(seed) != HASH_BYTES:
            raise ValueError(f"an onion seed is {HASH_BYTES} bytes, not {len(seed)}")
        if not 1 <= length <= limits.ONION_LENGTH_MAX:
            raise ValueError(f"an onion has 1 to {limits.ONION_LENGTH_MAX} layers, not {length}")
        layer, kept = seed, []
        for depth in range(length):
            if depth % _STRIDE == 0:
                kept.append(layer)
            layer = peel(layer)
        return cls(length, Hash32(layer), tuple(kept))

    def reveal(self, remaining: int) -> Hash32:
        """The layer under the head when `remaining` layers are left: peel(reveal(n)) is layer n."""
        if not 1 <= remaining <= self.length:
            raise ValueError(f"no layer {remaining} in an onion of {self.length}")
        depth = remaining - 1
        layer = self._kept[depth // _STRIDE]
        for _ in range(depth % _STRIDE):
            layer = peel(layer)
        return Hash32(layer)
