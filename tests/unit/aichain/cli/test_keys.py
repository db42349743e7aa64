"""`aichain keys`: from a new key to its words and back, without a secret on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from aichain.cli import main
from aichain.keystore import load_header, load_key, save_key
from aichain.seed_words import words_of_seed
from genesis.units import address_of_key, format_address
from native.hashing import blake3_256
from native.signatures import Algorithm, SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))
ADDRESS = format_address(address_of_key(KEY.public_key))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "pass").write_text("open sesame\nsecond line\n")
    (tmp_path / "words").write_text(" ".join(words_of_seed(KEY.seed)))
    return tmp_path


def invoke(place: Path, *arguments: str, stdin: str | None = None) -> Result:
    environ = {"XDG_DATA_HOME": str(place), "AICHAIN_PASSWORD_FILE": str(place / "pass")}
    return CliRunner(env=environ).invoke(main, ["keys", *arguments], input=stdin)


def test_a_new_key_shows_its_address_and_its_words_once(place: Path) -> None:
    done = invoke(place, "new", "savings")
    path = place / "aichain" / "keys" / "savings.key"
    assert done.exit_code == 0
    opened = load_key(path, "open sesame")
    assert format_address(opened.address) in done.output
    words = words_of_seed(opened.key.seed)
    assert all(word in done.output for word in words)
    assert opened.label == "savings"


def test_json_output_leaves_the_secret_out(place: Path) -> None:
    done = invoke(place, "new", "savings", "--json")
    value = json.loads(done.output)
    assert set(value) == {"address", "file"}


def test_a_key_restored_from_words_is_the_same_key(place: Path) -> None:
    done = invoke(place, "import", "back", "--words-file", str(place / "words"), "--json")
    assert json.loads(done.output)["address"] == ADDRESS
    shown = invoke(place, "show", "back", "--json", "--words")
    value = json.loads(shown.output)
    assert value["publicKey"] == "0x" + KEY.public_key.hex()
    assert value["words"].split() == list(words_of_seed(KEY.seed))


def test_words_can_be_typed(place: Path) -> None:
    text = " ".join(words_of_seed(KEY.seed))
    assert ADDRESS in invoke(place, "import", stdin=text + "\n").output


def test_a_misspelt_word_is_pointed_at(place: Path) -> None:
    (place / "words").write_text("abandom " * 24)
    done = invoke(place, "import", "--words-file", str(place / "words"))
    assert done.exit_code == 2
    assert "position 1, word abandom, nearest abandon" in done.stderr


def test_other_levels_are_kept(place: Path) -> None:
    invoke(place, "new", "small", "--level", "44")
    assert load_header(place / "aichain/keys/small.key").algorithm is Algorithm.ML_DSA_44


def test_listing_needs_no_passphrase(place: Path) -> None:
    save_key(place / "aichain/keys/a.key", KEY, passphrase="x")
    (place / "pass").unlink()
    (value,) = json.loads(invoke(place, "list", "--json").output)
    assert (value["name"], value["address"], value["protected"]) == ("a", ADDRESS, True)
    assert ADDRESS in invoke(place, "list").output


def test_a_key_is_found_by_label_address_and_path(place: Path) -> None:
    path = place / "aichain/keys/a.key"
    save_key(path, KEY, passphrase=None, label="mine")
    for name in ("a", ADDRESS, ADDRESS.lower(), str(path)):
        assert ADDRESS in invoke(place, "show", name).output
    assert invoke(place, "show", "b").exit_code == 3


def test_export_changes_the_passphrase(place: Path) -> None:
    save_key(place / "aichain/keys/a.key", KEY, passphrase="open sesame", label="mine")
    (place / "new").write_text("another")
    arguments = ("export", "a", "--out", str(place / "out.key"))
    done = invoke(place, *arguments, "--new-password-file", str(place / "new"))
    assert done.exit_code == 0
    opened = load_key(place / "out.key", "another")
    assert (opened.key.seed, opened.label) == (KEY.seed, "mine")


def test_a_key_file_from_elsewhere_is_taken_over_as_it_is(place: Path) -> None:
    source = place / "elsewhere.key"
    save_key(source, KEY, passphrase="open sesame", label="far")
    assert ADDRESS in invoke(place, "import", "--file", str(source)).output
    assert (place / "aichain/keys/far.key").read_bytes() == source.read_bytes()


def old_export(place: Path, secret: bytes) -> Path:
    wallet = {
        "security_level": "Level3",
        "public_key": list(KEY.public_key),
        "secret_key": list(secret),
        "label": "old",
    }
    seal = ChaCha20Poly1305(blake3_256(b"weak"))
    path = place / "old.wallet"
    path.write_bytes(bytes(12) + seal.encrypt(bytes(12), json.dumps(wallet).encode(), None))
    path.chmod(0o600)
    (place / "weak").write_text("weak")
    return path


def test_the_key_of_a_v0_file_gets_a_file_of_today_and_a_warning(place: Path) -> None:
    source = old_export(place, KEY.seed)
    before = source.read_bytes()
    arguments = ("import", "--v0-file", str(source), "--v0-password-file", str(place / "weak"))
    done = invoke(place, *arguments)
    assert done.exit_code == 0, done.output
    assert ADDRESS in done.output
    assert "warning:" in done.stderr
    assert source.read_bytes() == before
    assert load_key(place / "aichain/keys/old.key", "open sesame").key.seed == KEY.seed


def test_a_v0_file_without_a_true_key_makes_no_key_file(place: Path) -> None:
    source = old_export(place, bytes(4032))
    arguments = ("import", "--v0-file", str(source), "--v0-password-file", str(place / "weak"))
    done = invoke(place, *arguments)
    assert done.exit_code == 6
    assert "nothing can ever be signed" in done.output
    assert not (place / "aichain").exists()
    assert invoke(place, *arguments, "--file", str(source)).exit_code == 2
    assert invoke(place, "import", "--v0-password-file", str(place / "weak")).exit_code == 2


def test_a_damaged_file_is_not_taken_over(place: Path) -> None:
    source = place / "elsewhere.key"
    save_key(source, KEY, passphrase="other")
    assert invoke(place, "import", "--file", str(source)).exit_code == 6
    assert not (place / "aichain").exists()


def test_a_label_is_used_once_and_cannot_leave_the_folder(place: Path) -> None:
    assert invoke(place, "new", "a").exit_code == 0
    assert invoke(place, "new", "a").exit_code == 6
    assert {path.name for path in (place / "aichain/keys").iterdir()} == {"a.key"}


@pytest.mark.parametrize(
    "label",
    [
        *("", "../a", ".a", "a/b", "-a", "a b", "a\tb", "\udcff", "x" * 65, "\u00e4" * 33),
        *("account:0", "founder:3", "0x12", "0X" + "1" * 40),
    ],
)
def test_a_label_that_could_mean_something_else_is_refused(place: Path, label: str) -> None:
    done = invoke(place, "new", "--", label)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 2
    assert not (place / "aichain").exists()


def test_letters_of_every_language_can_name_a_key(place: Path) -> None:
    for label in ("a", "A-1_b.c", "\u00e4\u4e2d", "x" * 64):
        assert invoke(place, "new", label).exit_code == 0
        assert invoke(place, "show", label).exit_code == 0


def test_what_is_no_key_file_does_not_hide_the_others(place: Path) -> None:
    folder = place / "aichain/keys"
    save_key(folder / "good.key", KEY, passphrase=None)
    os.mkfifo(folder / "fifo.key")
    (folder / "folder.key").mkdir()
    (folder / "empty.key").touch()
    (folder / "nowhere.key").symlink_to("gone")
    done = invoke(place, "list", "--json")
    assert [each["name"] for each in json.loads(done.stdout)] == ["good"]
    assert done.exit_code == 6
    assert "(4 cannot)" in done.stderr
    assert "empty.key" in done.stderr
    assert done.stderr.count("\n") == 2
    assert invoke(place, "show", ADDRESS).exit_code == 0


def test_words_are_asked_of_a_person_or_read_from_a_pipe_and_of_nobody_else(place: Path) -> None:
    closed = f"{sys.executable} -m aichain keys import --keys-dir {place}/k <&-"
    environ = os.environ | {"AICHAIN_PASSWORD_FILE": str(place / "pass")}
    done = subprocess.run(
        ["sh", "-c", closed], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 2
    assert "--words-file" in done.stderr
    assert done.stderr.count("\n") == 2
    assert invoke(place, "import", stdin="").exit_code == 2


def test_words_that_are_no_text_are_refused(place: Path) -> None:
    (place / "words").write_bytes(b"\xff\xfe")
    done = invoke(place, "import", "--words-file", str(place / "words"))
    assert done.exit_code == 2
    assert "UTF-8" in done.stderr


@pytest.mark.parametrize("option", ["--keys-dir", "--home", "--password-file"])
def test_an_empty_path_is_not_the_folder_one_stands_in(place: Path, option: str) -> None:
    done = invoke(place, "new", "a", option, "")
    assert done.exit_code == 2
    assert option in done.stderr


def test_nobody_to_ask_is_an_error_that_says_how_to_answer(place: Path) -> None:
    done = CliRunner(env={"XDG_DATA_HOME": str(place)}).invoke(main, ["keys", "new"])
    assert done.exit_code == 6
    assert "AICHAIN_PASSWORD_FILE" in done.stderr


def test_an_empty_passphrase_is_refused(place: Path) -> None:
    (place / "pass").write_text("\n")
    assert invoke(place, "new").exit_code == 6


def test_home_holds_its_own_keys(place: Path) -> None:
    invoke(place, "new", "a", "--home", str(place / "home"))
    assert (place / "home/keys/a.key").exists()
