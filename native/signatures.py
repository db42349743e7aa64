"""ML-DSA (FIPS 204) keys, signatures and their check, on the `cryptography` package."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Self, TypeAlias

from cryptography.exceptions import InvalidSignature as _Refused
from cryptography.hazmat.primitives.asymmetric import mldsa

from native.errors import InvalidData


class Algorithm(IntEnum):
    """The parameter sets, numbered by their NIST security level."""

    ML_DSA_44 = 2
    ML_DSA_65 = 3
    ML_DSA_87 = 5


SEED_BYTES = 32
CONTEXT_MAX_BYTES = 255
PUBLIC_KEY_BYTES = {Algorithm.ML_DSA_44: 1312, Algorithm.ML_DSA_65: 1952, Algorithm.ML_DSA_87: 2592}
SIGNATURE_BYTES = {Algorithm.ML_DSA_44: 2420, Algorithm.ML_DSA_65: 3309, Algorithm.ML_DSA_87: 4627}

ParsedKey: TypeAlias = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey

_ALGORITHM_OF_LENGTH = {size: algorithm for algorithm, size in PUBLIC_KEY_BYTES.items()}
PrivateKey: TypeAlias = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey

_PUBLIC_KEYS: dict[Algorithm, Callable[[bytes], ParsedKey]] = {
    Algorithm.ML_DSA_44: mldsa.MLDSA44PublicKey.from_public_bytes,
    Algorithm.ML_DSA_65: mldsa.MLDSA65PublicKey.from_public_bytes,
    Algorithm.ML_DSA_87: mldsa.MLDSA87PublicKey.from_public_bytes,
}
_PRIVATE_KEYS: dict[Algorithm, Callable[[bytes], PrivateKey]] = {
    Algorithm.ML_DSA_44: mldsa.MLDSA44PrivateKey.from_seed_bytes,
    Algorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.from_seed_bytes,
    Algorithm.ML_DSA_87: mldsa.MLDSA87PrivateKey.from_seed_bytes,
}


@dataclass(eq=False)
class UnknownKeyLength(InvalidData):
    """A public key whose length belongs to no parameter set."""

    length: int


@dataclass(frozen=True, slots=True)
class SignatureItem:
    """One signature to check: all that a verdict depends on."""

    public_key: bytes
    message: bytes
    context: bytes
    signature: bytes


class SigningKey:
    """A secret key, held as its 32-byte FIPS 204 seed (the ξ of Algorithm 1)."""

    __slots__ = ("_private", "algorithm", "public_key", "seed")

    algorithm: Algorithm
    seed: bytes
    public_key: bytes

    def __init__(self, seed: bytes, algorithm: Algorithm) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed is {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self.algorithm = algorithm
        self._private = _PRIVATE_KEYS[algorithm](seed)
        self.public_key = self._private.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, seed: bytes, algorithm: Algorithm = Algorithm.ML_DSA_65) -> Self:
        """The key of a stored seed (FIPS 204 Algorithm 6, ML-DSA.KeyGen_internal)."""
        return cls(seed, algorithm)

    @classmethod
    def generate(cls, algorithm: Algorithm = Algorithm.ML_DSA_65) -> Self:
        """A fresh key from the operating system's randomness (FIPS 204 Algorithm 1)."""
        return cls(secrets.token_bytes(SEED_BYTES), algorithm)

    def sign(self, message: bytes, context: bytes) -> bytes:
        """A hedged signature (FIPS 204 Algorithm 2): two calls give two signatures."""
        if len(context) > CONTEXT_MAX_BYTES:
            raise ValueError(f"a context is at most {CONTEXT_MAX_BYTES} bytes, not {len(context)}")
        return self._private.sign(message, context)

    def __repr__(self) -> str:
        return f"<SigningKey {self.algorithm.name} {self.public_key[:8].hex()}…>"


def algorithm_of(public_key: bytes) -> Algorithm:
    """The parameter set of a key, which its length alone decides."""
    algorithm = _ALGORITHM_OF_LENGTH.get(len(public_key))
    if algorithm is None:
        raise UnknownKeyLength(length=len(public_key))
    return algorithm


def verify(public_key: bytes, message: bytes, context: bytes, signature: bytes) -> bool:
    """Whether `signature` is valid (FIPS 204 Algorithm 3, pure). Wrong lengths are False."""
    if len(public_key) not in _ALGORITHM_OF_LENGTH:
        return False
    item = SignatureItem(public_key, message, context, signature)
    return has_signature_shape(item) and verify_parsed(parse_public_key(public_key), item)


def has_signature_shape(item: SignatureItem) -> bool:
    """Whether the lengths that FIPS 204 fixes are right; other items never reach an engine."""
    algorithm = _ALGORITHM_OF_LENGTH.get(len(item.public_key))
    if algorithm is None or len(item.context) > CONTEXT_MAX_BYTES:
        return False
    return len(item.signature) == SIGNATURE_BYTES[algorithm]


def parse_public_key(public_key: bytes) -> ParsedKey:
    """The key object; every string of the right length is a key (FIPS 204 §7.2)."""
    return _PUBLIC_KEYS[algorithm_of(public_key)](public_key)


def verify_parsed(key: ParsedKey, item: SignatureItem) -> bool:
    """The verdict on an item of the right shape, its key already parsed."""
    try:
        key.verify(item.signature, item.message, item.context)
    except _Refused:
        return False
    return True
