"""Exports of the Rust wallet open as it wrote them, and what is no key is not taken for one."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from aichain.keystore import KeyFileError, KeyFileExposed, KeyFileInvalid, WrongPassphrase
from aichain.keystore_v0 import (
    V0_FILE_MAX_BYTES,
    SecretKeyForeign,
    decrypt_v0,
    key_of_v0,
    load_v0,
)
from native.hashing import blake3_256
from native.signatures import Algorithm, SigningKey

KNOWN = json.loads((Path(__file__).parents[2] / "vectors" / "known_answers.json").read_text())
KEY = SigningKey.from_seed(bytes(range(32)))
PASSPHRASE = "test-passphrase"
EXPANDED_BYTES = 4032


def wallet_data(**changes: object) -> dict[str, object]:
    """As serde_json writes it: byte arrays are arrays of numbers."""
    return {
        "security_level": "Level3",
        "public_key": list(KEY.public_key),
        "secret_key": list(KEY.seed),
        "label": "savings",
    } | changes


def write_v0(path: Path, text: bytes, *, passphrase: str = PASSPHRASE) -> Path:
    nonce = b"\7" * 12
    sealed = ChaCha20Poly1305(blake3_256(passphrase.encode())).encrypt(nonce, text, None)
    path.write_bytes(nonce + sealed)
    path.chmod(0o600)
    return path


def v0_file(tmp_path: Path, **changes: object) -> Path:
    return write_v0(tmp_path / "old.wallet", json.dumps(wallet_data(**changes)).encode())


@pytest.mark.parametrize("known", KNOWN["v0_wallet"])
def test_the_known_ciphertext_opens(known: dict[str, str]) -> None:
    raw = bytes.fromhex(known["file"])
    assert decrypt_v0(raw, known["passphrase"], Path("old")).decode() == known["text"]
    for spoiled in (raw[:-1] + b"\0", raw[:12]):
        with pytest.raises(WrongPassphrase):
            decrypt_v0(spoiled, known["passphrase"], Path("old"))


@pytest.mark.parametrize(
    ("level", "algorithm"),
    [
        ("Level2", Algorithm.ML_DSA_44),
        ("Level3", Algorithm.ML_DSA_65),
        ("Level5", Algorithm.ML_DSA_87),
    ],
)
def test_a_seed_that_belongs_to_its_public_key_is_a_key(
    tmp_path: Path, level: str, algorithm: Algorithm
) -> None:
    key = SigningKey.from_seed(KEY.seed, algorithm)
    path = v0_file(tmp_path, security_level=level, public_key=list(key.public_key), label=None)
    wallet = load_v0(path, PASSPHRASE)
    assert (wallet.algorithm, wallet.label) == (algorithm, "")
    assert key_of_v0(wallet, path).public_key == key.public_key


def test_the_random_bytes_that_the_reference_calls_a_key_are_refused(tmp_path: Path) -> None:
    path = v0_file(tmp_path, secret_key=list(os.urandom(EXPANDED_BYTES)))
    with pytest.raises(SecretKeyForeign, match="nothing can ever be signed") as raised:
        key_of_v0(load_v0(path, PASSPHRASE), path)
    assert "aichain keys new" in raised.value.fix


def test_the_seed_of_another_key_is_refused(tmp_path: Path) -> None:
    path = v0_file(tmp_path, secret_key=list(bytes(32)))
    with pytest.raises(SecretKeyForeign, match="nothing can ever be signed"):
        key_of_v0(load_v0(path, PASSPHRASE), path)


def test_a_true_expanded_key_is_told_from_random_bytes_though_it_cannot_be_kept(
    tmp_path: Path,
) -> None:
    secret = bytearray(EXPANDED_BYTES)
    secret[64:128] = hashlib.shake_256(KEY.public_key).digest(64)
    path = v0_file(tmp_path, secret_key=list(secret))
    with pytest.raises(SecretKeyForeign, match="no seed can be computed"):
        key_of_v0(load_v0(path, PASSPHRASE), path)


@pytest.mark.parametrize(
    "changes",
    [
        {"security_level": "Level4"},
        {"public_key": [256] * 1952},
        {"public_key": [0] * 1312},
        {"secret_key": "00"},
        {"label": "x" * 65},
    ],
)
def test_other_contents_are_damage(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(KeyFileInvalid):
        load_v0(v0_file(tmp_path, **changes), PASSPHRASE)


def test_files_that_are_no_v0_file_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.wallet"
    with pytest.raises(KeyFileInvalid):
        load_v0(path, PASSPHRASE)
    for size in (0, 12, V0_FILE_MAX_BYTES + 1):
        path.write_bytes(bytes(size))
        path.chmod(0o600)
        with pytest.raises(KeyFileInvalid):
            load_v0(path, PASSPHRASE)
    for text in (b"", b"[]", b'{"security_level":"Level3"}', b"\xff", b"[" * 40_000):
        with pytest.raises(KeyFileInvalid):
            load_v0(write_v0(path, text), PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        load_v0(path, "another")
    path.chmod(0o640)
    with pytest.raises(KeyFileExposed):
        load_v0(path, PASSPHRASE)


def test_every_refusal_is_one_of_a_key_file() -> None:
    assert issubclass(SecretKeyForeign, KeyFileError)
