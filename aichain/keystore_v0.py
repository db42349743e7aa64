"""Wallet exports of the Rust reference ("v0"), read only: which key is in one, if one is in it.

A v0 file (design/ledger.md §2) is

    nonce 12 · ChaCha20-Poly1305 of a JSON object {security_level, public_key, secret_key, label}

under BLAKE3 of the passphrase: without salt and without stretching, so whoever holds a copy tries
passphrases as fast as he can hash. The reference fills both keys with random bytes, which can
never sign. A key is taken over only where the secret one is the seed of the public one.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from aichain.keystore import (
    MAX_LABEL_BYTES,
    NONCE_BYTES,
    OTHERS,
    KeyFileError,
    KeyFileExposed,
    KeyFileInvalid,
    WrongPassphrase,
    read_secret,
)
from aichain.shallow_json import load_shallow
from native.hashing import blake3_256
from native.signatures import PUBLIC_KEY_BYTES, SEED_BYTES, Algorithm, SigningKey

V0_FILE_MAX_BYTES: Final = 65_536
"""The largest, of ML-DSA-87, has 2,592 + 4,896 numbers of up to three digits: 30 kB."""
V0_WARNING: Final = (
    "warning: a v0 file protects its key by a fast hash of the passphrase. The new key file does "
    "not have this fault; whoever may have a copy of the old one may have the key: move its coins."
)
_LEVELS: Final = {
    "Level2": Algorithm.ML_DSA_44,
    "Level3": Algorithm.ML_DSA_65,
    "Level5": Algorithm.ML_DSA_87,
}
_HASH_OF_PUBLIC_KEY: Final = slice(64, 128)
"""`tr` in an expanded secret key: rho 32 · K 32 · tr 64 · … (FIPS 204 Algorithm 24)."""


@dataclass(eq=False)
class SecretKeyForeign(KeyFileError):
    """The secret key of a v0 file does not belong to its public key, or cannot be kept here."""

    path: Path
    reason: str
    fix: str = "make a key with `aichain keys new`, and give its address to whoever pays you"


@dataclass(frozen=True, slots=True)
class V0Wallet:
    """What a v0 file says; nothing of it has been believed yet."""

    algorithm: Algorithm
    public_key: bytes
    secret_key: bytes = field(repr=False)
    label: str


def load_v0(path: Path, passphrase: str) -> V0Wallet:
    """Open a v0 file; raises KeyFileError."""
    raw, mode = read_secret(path, V0_FILE_MAX_BYTES)
    if mode & OTHERS:
        raise KeyFileExposed(path=path, mode=f"{mode:04o}")
    if not NONCE_BYTES < len(raw) <= V0_FILE_MAX_BYTES:
        raise KeyFileInvalid(path=path, reason=f"a v0 file does not have {len(raw)} bytes")
    return parse_wallet(decrypt_v0(raw, passphrase, path), path)


def decrypt_v0(raw: bytes, passphrase: str, path: Path) -> bytes:
    """What lies under the seal."""
    seal = ChaCha20Poly1305(blake3_256(passphrase.encode()))
    try:
        return seal.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
    except InvalidTag:
        raise WrongPassphrase(path=path, fix="try again; no other way leads into it") from None


def parse_wallet(text: bytes, path: Path) -> V0Wallet:
    """The wallet that the JSON of a v0 file describes."""
    try:
        found = load_shallow(text)
        algorithm = _LEVELS[found["security_level"]]
        public, secret = (_byte_array(found[name]) for name in ("public_key", "secret_key"))
        label = str(found.get("label") or "")
        label_bytes = len(label.encode())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"its content is damaged: {type(error).__name__}"
        raise KeyFileInvalid(path=path, reason=reason) from None
    if len(public) != PUBLIC_KEY_BYTES[algorithm]:
        raise KeyFileInvalid(path=path, reason="its public key is not one of its level")
    if label_bytes > MAX_LABEL_BYTES:
        raise KeyFileInvalid(path=path, reason=f"a label has at most {MAX_LABEL_BYTES} bytes")
    return V0Wallet(algorithm, public, secret, label)


def _byte_array(value: object) -> bytes:
    """serde_json writes bytes as an array of numbers."""
    if not isinstance(value, list):
        raise TypeError("an array was expected")
    return bytes(value)


def key_of_v0(wallet: V0Wallet, path: Path) -> SigningKey:
    """The key, if its secret part is the seed of its public part; raises SecretKeyForeign."""
    secret, public = wallet.secret_key, wallet.public_key
    if len(secret) == SEED_BYTES:
        key = SigningKey.from_seed(secret, wallet.algorithm)
        if key.public_key == public:
            return key
    if secret[_HASH_OF_PUBLIC_KEY] == hashlib.shake_256(public).digest(64):
        raise SecretKeyForeign(
            path=path,
            reason="its secret key is expanded, and no seed can be computed from that",
            fix="restore the key from its seed with `aichain keys import`; or move its coins with "
            "the program that made it",
        )
    raise SecretKeyForeign(
        path=path,
        reason="its secret key is not that of its public key: nothing can ever be signed with it",
    )
