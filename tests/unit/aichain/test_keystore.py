"""Key files: what is sealed comes back, and every way to be refused is a refusal of its own."""

import errno
import os
import stat
from pathlib import Path

import pytest

from aichain import keystore
from aichain.keystore import (
    HEADER_BYTES,
    KeyFileExists,
    KeyFileExposed,
    KeyFileInvalid,
    WrongPassphrase,
    load_header,
    load_key,
    load_or_create_node_seed,
    onion_seed_of,
    open_sealed,
    save_key,
    seal_key,
)
from genesis.units import address_of_key
from native.signatures import Algorithm, SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))
PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal_key(KEY, label="savings", created_ms=1_700_000_000_000, passphrase=PASSPHRASE)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_key_of_every_level_comes_back(tmp_path: Path, algorithm: Algorithm) -> None:
    key = SigningKey.from_seed(b"\7" * 32, algorithm)
    save_key(tmp_path / "a.key", key, passphrase=None, label="ä", created_ms=5)
    opened = load_key(tmp_path / "a.key", None)
    assert (opened.key.seed, opened.key.algorithm) == (key.seed, algorithm)
    assert (opened.label, opened.created_ms) == ("ä", 5)
    assert opened.address == address_of_key(key.public_key)


def test_a_protected_key_opens_with_its_passphrase_only(tmp_path: Path, sealed: bytes) -> None:
    path = tmp_path / "a.key"
    keystore.write_secret(path, sealed)
    opened = load_key(path, PASSPHRASE)
    assert (opened.key.public_key, opened.label) == (KEY.public_key, "savings")
    for wrong in ("correct horse ", "", None):
        with pytest.raises(WrongPassphrase):
            load_key(path, wrong)


def test_a_passphrase_is_what_it_looks_like_whatever_keyboard_typed_it(tmp_path: Path) -> None:
    path, decomposed, composed = tmp_path / "a.key", "cafe\u0301", "caf\u00e9"
    sealed = seal_key(KEY, label="", created_ms=0, passphrase=decomposed)
    assert open_sealed(sealed, composed, path).key.seed == KEY.seed
    assert open_sealed(sealed, decomposed, path).key.seed == KEY.seed
    with pytest.raises(WrongPassphrase):
        open_sealed(sealed, "cafe", path)


def test_a_passphrase_that_was_sealed_as_it_was_typed_still_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "cafe\u0301"
    with monkeypatch.context() as another_program:
        another_program.setattr(keystore, "_one_form", lambda passphrase: passphrase)
        sealed = seal_key(KEY, label="", created_ms=0, passphrase=typed)
    assert open_sealed(sealed, typed, tmp_path / "a.key").key.seed == KEY.seed
    with pytest.raises(WrongPassphrase):
        open_sealed(sealed, "caf\u00e9", tmp_path / "a.key")


def test_the_layout_is_that_of_the_format(sealed: bytes) -> None:
    assert sealed[:7] == b"AICW" + bytes((1, 3, 1))
    assert sealed[35:HEADER_BYTES] == address_of_key(KEY.public_key)
    assert HEADER_BYTES == 55
    assert KEY.seed not in sealed
    assert b"savings" not in sealed


def test_two_files_of_one_key_have_nothing_secret_in_common() -> None:
    one, two = (seal_key(KEY, label="", created_ms=0, passphrase=None) for _ in "ab")
    assert one[7:35] != two[7:35]
    assert one[HEADER_BYTES:] != two[HEADER_BYTES:]


def test_no_byte_of_the_file_can_change(tmp_path: Path) -> None:
    raw = seal_key(KEY, label="x", created_ms=1, passphrase=None)
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises((KeyFileInvalid, WrongPassphrase)):
            open_sealed(bytes(changed), None, tmp_path)


def test_a_file_cannot_name_an_address_that_is_not_its_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = address_of_key(SigningKey.from_seed(b"\1" * 32).public_key)
    monkeypatch.setattr(keystore, "address_of_key", lambda _: other)
    forged = seal_key(KEY, label="", created_ms=0, passphrase=None)
    monkeypatch.undo()
    with pytest.raises(KeyFileInvalid, match="does not belong"):
        open_sealed(forged, None, tmp_path)


@pytest.mark.parametrize(
    "raw",
    [b"", b"AICW", b"AICX" + bytes(100), b"AICW" + bytes(5000), b"\x80" * 200],
    ids=["empty", "magic only", "other magic", "too long", "garbage"],
)
def test_what_is_not_a_key_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.key"
    keystore.write_secret(path, raw)
    with pytest.raises(KeyFileInvalid):
        load_key(path, None)


def test_an_unknown_version_is_named(tmp_path: Path) -> None:
    raw = bytearray(seal_key(KEY, label="", created_ms=0, passphrase=None))
    raw[4] = 2
    with pytest.raises(KeyFileInvalid, match="version 2"):
        open_sealed(bytes(raw), None, tmp_path)


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path, sealed: bytes) -> None:
    path = tmp_path / "deep" / "a.key"
    keystore.write_secret(path, sealed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(KeyFileExposed):
            load_key(path, PASSPHRASE)


def test_a_file_that_protects_nothing_may_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    save_key(path, KEY, passphrase=None)
    path.chmod(0o644)
    assert load_key(path, None).key.seed == KEY.seed


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    save_key(path, KEY, passphrase=None)
    before = path.read_bytes()
    with pytest.raises(KeyFileExists):
        save_key(path, SigningKey.from_seed(bytes(32)), passphrase=None)
    assert path.read_bytes() == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileInvalid) as caught:
        load_key(tmp_path / "none.key", None)
    assert "none.key" in str(caught.value)


def test_the_header_is_readable_without_the_passphrase(tmp_path: Path, sealed: bytes) -> None:
    path = tmp_path / "a.key"
    keystore.write_secret(path, sealed)
    header = load_header(path)
    assert header.is_protected
    assert header.address == address_of_key(KEY.public_key)
    assert header.algorithm is Algorithm.ML_DSA_65


def test_a_long_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileInvalid, match="64 bytes"):
        save_key(tmp_path / "a.key", KEY, passphrase=None, label="ä" * 33)


def test_nothing_that_is_printed_shows_a_seed(tmp_path: Path, sealed: bytes) -> None:
    opened = open_sealed(sealed, PASSPHRASE, tmp_path)
    for text in (repr(opened), repr(opened.key), str(opened)):
        assert KEY.seed.hex() not in text
        assert repr(KEY.seed) not in text


def test_a_node_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    seed = load_or_create_node_seed(path)
    assert load_or_create_node_seed(path) == seed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeyFileExposed):
        load_or_create_node_seed(path)


def test_a_cut_node_key_is_refused(tmp_path: Path) -> None:
    keystore.write_secret(tmp_path / "node.key", bytes(31))
    with pytest.raises(KeyFileInvalid):
        load_or_create_node_seed(tmp_path / "node.key")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.key", 0o600)
    with pytest.raises(KeyFileInvalid, match="not a regular file"):
        load_key(tmp_path / "a.key", None)
    with pytest.raises(KeyFileInvalid, match="not a regular file"):
        load_or_create_node_seed(tmp_path / "a.key")


def test_a_link_that_leads_nowhere_is_no_key_to_be_made(tmp_path: Path) -> None:
    for target in ("node.key", "gone/node.key"):
        (tmp_path / "node.key").unlink(missing_ok=True)
        (tmp_path / "node.key").symlink_to(target)
        with pytest.raises(KeyFileInvalid):
            load_or_create_node_seed(tmp_path / "node.key")


def test_a_file_without_an_end_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "node.key").symlink_to("/dev/zero")
    with pytest.raises(KeyFileInvalid):
        load_or_create_node_seed(tmp_path / "node.key")


def test_a_secret_that_could_not_be_written_whole_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keystore.write_secret(tmp_path / "a.key", b"secret")
    assert not (tmp_path / "a.key").exists()


def test_one_backup_restores_the_onion_too() -> None:
    again = SigningKey.from_seed(KEY.seed)
    assert onion_seed_of(again) == onion_seed_of(KEY)
    assert onion_seed_of(KEY) != KEY.seed
    assert onion_seed_of(KEY) != onion_seed_of(SigningKey.from_seed(bytes(32)))


def test_a_new_file_is_durable_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    keystore.write_secret(tmp_path / "a.key", b"secret")
    assert synced == [False, True]
