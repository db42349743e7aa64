"""Key files on disk: ML-DSA seeds under a passphrase (keystore v1), and a node's libp2p identity.

Keystore v1 (design/ledger.md §2) is one binary file:

    magic "AICW" · version 1 · level 2|3|5 · kdf · salt 16 · nonce 12 · address 20 · sealed

`sealed` is ChaCha20-Poly1305 over the canonical msgpack array [seed 32, label, created_ms], with
everything before it as associated data. Only the FIPS 204 seed is stored; opening recomputes the
public key and compares the address, so a file cannot give a key other than the one it names.

KDF 1 is Argon2id (64 MiB, 3 passes, 2 lanes) of the passphrase in NFKC and UTF-8. KDF 0 protects
nothing: localnet writes it for keys that everyone knows anyway, and it needs no passphrase.
"""

import os
import secrets
import stat
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from aichain.regular_file import read_regular
from genesis.onion import onion_seed
from genesis.units import ADDRESS_BYTES, Address, address_of_key, format_address
from native import codec
from native.errors import AIChainError, DecodeError
from native.hashing import derive_hash
from native.node_keys import NODE_SEED_BYTES
from native.signatures import SEED_BYTES, Algorithm, SigningKey

MAGIC: Final = b"AICW"
VERSION: Final = 1
KDF_NONE: Final = 0
KDF_ARGON2ID: Final = 1
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
HEADER_BYTES: Final = len(MAGIC) + 3 + SALT_BYTES + NONCE_BYTES + ADDRESS_BYTES
ARGON2_MEMORY_KIB: Final = 64 * 1024
ARGON2_PASSES: Final = 3
ARGON2_LANES: Final = 2
MAX_LABEL_BYTES: Final = 64
MAX_KEY_FILE_BYTES: Final = 1024
UNPROTECTED_CONTEXT: Final = "aichain/keystore/unprotected/v1"
SECRET_MODE: Final = 0o600
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(AIChainError):
    """A key file that cannot be used; commands end with this exit code."""

    exit_code: ClassVar[int] = 6


@dataclass(eq=False)
class KeyFileInvalid(KeyFileError):
    """Not a key file, a damaged one, or one of a version that this program does not know."""

    path: Path
    reason: str
    fix: str = "give a file that `aichain keys new` or `keys import` made"


@dataclass(eq=False)
class KeyFileExposed(KeyFileError):
    """Other users of this machine could read this secret."""

    path: Path
    mode: str
    fix: str = "chmod 600 that file, and make a new key if the machine is shared"


@dataclass(eq=False)
class KeyFileExists(KeyFileError):
    """There is a key in this place already, and keys are never overwritten."""

    path: Path
    fix: str = "choose another label or another place"


@dataclass(eq=False)
class WrongPassphrase(KeyFileError):
    """The passphrase does not open this key file, or a byte of the file has changed."""

    path: Path
    fix: str = "try again; if it is lost, restore the key from its 24 words with `keys import`"


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """What a key file says before it is opened."""

    algorithm: Algorithm
    kdf: int
    salt: bytes
    nonce: bytes
    address: Address
    raw: bytes

    @property
    def is_protected(self) -> bool:
        return self.kdf != KDF_NONE


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key with what its file remembers about it."""

    key: SigningKey = field(repr=False)
    address: Address
    label: str
    created_ms: int


def seal_key(key: SigningKey, *, label: str, created_ms: int, passphrase: str | None) -> bytes:
    """The bytes of a key file; None as passphrase makes an unprotected one (KDF 0)."""
    text = label.encode()
    if len(text) > MAX_LABEL_BYTES:
        raise KeyFileInvalid(path=Path(), reason=f"a label has at most {MAX_LABEL_BYTES} bytes")
    kdf = KDF_NONE if passphrase is None else KDF_ARGON2ID
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    address = address_of_key(key.public_key)
    head = MAGIC + bytes((VERSION, key.algorithm, kdf)) + salt + nonce + address
    payload = codec.encode([key.seed, text, created_ms])
    secret = _sealing_key(kdf, salt, _one_form(passphrase))
    return head + ChaCha20Poly1305(secret).encrypt(nonce, payload, head)


def read_header(raw: bytes, path: Path) -> KeyHeader:
    """The public part of a key file."""
    if not raw.startswith(MAGIC):
        raise KeyFileInvalid(path=path, reason="this is not an AI-Chain key file")
    if len(raw) < HEADER_BYTES or len(raw) > MAX_KEY_FILE_BYTES:
        raise KeyFileInvalid(path=path, reason=f"a key file does not have {len(raw)} bytes")
    version, level, kdf = raw[4], raw[5], raw[6]
    if version != VERSION:
        raise KeyFileInvalid(path=path, reason=f"version {version} is unknown; this is for v1")
    if level not in tuple(Algorithm) or kdf not in (KDF_NONE, KDF_ARGON2ID):
        raise KeyFileInvalid(path=path, reason=f"level {level} with kdf {kdf} is unknown")
    rest = raw[7:HEADER_BYTES]
    return KeyHeader(
        algorithm=Algorithm(level),
        kdf=kdf,
        salt=rest[:SALT_BYTES],
        nonce=rest[SALT_BYTES : SALT_BYTES + NONCE_BYTES],
        address=Address(rest[-ADDRESS_BYTES:]),
        raw=raw[:HEADER_BYTES],
    )


def open_sealed(raw: bytes, passphrase: str | None, path: Path) -> OpenedKey:
    """Decrypt a key file's bytes and check that the key is the one its header names."""
    header = read_header(raw, path)
    payload = _decrypt(header, raw[HEADER_BYTES:], passphrase, path)
    try:
        fields = codec.decode(payload, max_bytes=MAX_KEY_FILE_BYTES, max_items=4, max_depth=1)
        seed, label, created_ms = codec.array(fields, 3)
        key = SigningKey.from_seed(codec.blob(seed, SEED_BYTES), header.algorithm)
        text = codec.bounded(label, MAX_LABEL_BYTES).decode()
        created = codec.uint(created_ms)
    except (DecodeError, UnicodeDecodeError) as error:
        raise KeyFileInvalid(path=path, reason=f"its content is damaged: {error}") from None
    if address_of_key(key.public_key) != header.address:
        raise KeyFileInvalid(path=path, reason="its key does not belong to the address it names")
    return OpenedKey(key=key, address=header.address, label=text, created_ms=created)


def save_key(
    path: Path, key: SigningKey, *, passphrase: str | None, label: str = "", created_ms: int = 0
) -> None:
    """Write a key file with mode 0600, durable before this returns; never over another one."""
    stamp = created_ms or time.time_ns() // 1_000_000
    sealed = seal_key(key, label=label, created_ms=stamp, passphrase=passphrase)
    write_secret(path, sealed)


def change_passphrase(path: Path, opened: OpenedKey, passphrase: str) -> None:
    """The same key, label and date under another passphrase, in the same place."""
    sealed = seal_key(
        opened.key, label=opened.label, created_ms=opened.created_ms, passphrase=passphrase
    )
    replace_secret(path.resolve(), sealed)  # of a link the file itself, or it kept the old one


def load_key(path: Path, passphrase: str | None) -> OpenedKey:
    """Open a key file; refused when others may read it (unless it protects nothing anyway)."""
    raw = read_key_file(path)
    return open_sealed(raw, passphrase, path)


def load_header(path: Path) -> KeyHeader:
    """What a key file says without its passphrase."""
    return read_header(read_key_file(path), path)


def read_key_file(path: Path) -> bytes:
    """The bytes of a key file, if its mode keeps other users out."""
    raw, mode = read_secret(path, MAX_KEY_FILE_BYTES)
    if mode & OTHERS and read_header(raw, path).is_protected:
        raise KeyFileExposed(path=path, mode=f"{mode:04o}")
    return raw


def write_secret(path: Path, content: bytes) -> None:
    """Create a file that only its owner can read; an existing one is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, SECRET_MODE)
    except FileExistsError:
        raise KeyFileExists(path=path) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _sync_names(path.parent)
    except OSError:  # half a key would stand in the way of a whole one
        path.unlink()
        raise


def replace_secret(path: Path, content: bytes) -> None:
    """Other content for a file that only its owner can read; the old one is there until then."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)  # of an attempt that was interrupted
    write_secret(beside, content)
    os.replace(beside, path)
    _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    """A file whose name is not on the disk yet is lost with the power, whatever is in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_or_create_node_seed(path: Path) -> bytes:
    """The node's Ed25519 seed for libp2p; made on first use. It signs no money and no votes."""
    if not os.path.lexists(path):
        write_secret(path, secrets.token_bytes(NODE_SEED_BYTES))
    seed, mode = read_secret(path, NODE_SEED_BYTES)
    if mode & OTHERS:
        raise KeyFileExposed(path=path, mode=f"{mode:04o}")
    if len(seed) != NODE_SEED_BYTES:
        raise KeyFileInvalid(
            path=path,
            reason=f"this is not a node key of {NODE_SEED_BYTES} bytes",
            fix="move it away: the next start makes another, with another peer id",
        )
    return seed


def onion_seed_of(key: SigningKey, renewals: int = 0) -> bytes:
    """Seed of the beacon onion that goes with a validator key: one backup restores both."""
    return onion_seed(key.seed, renewals)


def key_file_name(address: Address) -> str:
    """Where `keys` keeps the key of an address when it was not given a label."""
    return format_address(address).lower() + ".key"


def read_secret(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """At most one byte more than `most_bytes`, and the mode; raises KeyFileInvalid."""
    try:
        return read_regular(path, most_bytes)
    except OSError as error:
        raise KeyFileInvalid(
            path=path,
            reason=error.strerror or "it cannot be read",
            fix="check the path and its permissions",
        ) from None


def _decrypt(header: KeyHeader, sealed: bytes, passphrase: str | None, path: Path) -> bytes:
    """A file that another program sealed may have the passphrase just as it was typed there."""
    if header.is_protected and passphrase is None:
        raise WrongPassphrase(path=path)
    typed = passphrase if header.is_protected else None
    for each in dict.fromkeys((_one_form(typed), typed)):
        box = ChaCha20Poly1305(_sealing_key(header.kdf, header.salt, each))
        with suppress(InvalidTag):
            return box.decrypt(header.nonce, sealed, header.raw)
    raise WrongPassphrase(path=path)


def _one_form(passphrase: str | None) -> str | None:
    """NFKC (NIST SP 800-63B-4, 3.1.1.2): keyboards give é as one letter, or as e and its accent."""
    return None if passphrase is None else unicodedata.normalize("NFKC", passphrase)


def _sealing_key(kdf: int, salt: bytes, passphrase: str | None) -> bytes:
    if kdf == KDF_NONE:
        return derive_hash(UNPROTECTED_CONTEXT, salt)
    assert passphrase is not None, "a protected key file needs a passphrase"
    stretch = Argon2id(
        salt=salt,
        length=32,
        iterations=ARGON2_PASSES,
        lanes=ARGON2_LANES,
        memory_cost=ARGON2_MEMORY_KIB,
    )
    return stretch.derive(passphrase.encode())
