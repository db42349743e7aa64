"""Seeds as words: the list is BIP-39's, and nothing that was miswritten is taken for a seed."""

import hashlib
import secrets

import pytest

from aichain.seed_words import (
    WORDS,
    SeedChecksumMismatch,
    SeedWordCount,
    UnknownSeedWord,
    seed_of_words,
    words_of_seed,
)

# 256-bit vectors of the reference implementation (trezor/python-mnemonic, vectors.json)
VECTORS = {
    "00" * 32: "abandon " * 23 + "art",
    "7f" * 32: "legal winner thank year wave sausage worth useful legal winner thank year wave "
    "sausage worth useful legal winner thank year wave sausage worth title",
    "ff" * 32: "zoo " * 23 + "vote",
    "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f": "void come effort suffer "
    "camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space "
    "point ten exist slush involve unfold",
}


def test_the_list_is_that_of_bip_39() -> None:
    text = "\n".join(WORDS) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert len({word[:4] for word in WORDS}) == 2048


@pytest.mark.parametrize(("seed", "words"), VECTORS.items())
def test_the_vectors_of_the_reference_implementation_hold(seed: str, words: str) -> None:
    assert " ".join(words_of_seed(bytes.fromhex(seed))) == words.strip()
    assert seed_of_words(words) == bytes.fromhex(seed)


def test_every_seed_comes_back_from_its_words() -> None:
    for _ in range(50):
        seed = secrets.token_bytes(32)
        assert seed_of_words(" ".join(words_of_seed(seed))) == seed


def test_case_spacing_and_shortened_words_do_not_matter() -> None:
    words = words_of_seed(bytes(range(32)))
    assert seed_of_words("  ".join(word.upper() for word in words)) == bytes(range(32))
    assert seed_of_words("\n".join(word[:4] for word in words)) == bytes(range(32))


def test_a_misspelt_word_is_named_with_its_place_and_the_nearest_one() -> None:
    words = [*words_of_seed(bytes(range(32)))]
    words[4] = "abandom"
    with pytest.raises(UnknownSeedWord) as caught:
        seed_of_words(" ".join(words))
    assert (caught.value.position, caught.value.nearest) == (5, "abandon")


def test_a_missing_word_is_counted() -> None:
    with pytest.raises(SeedWordCount) as caught:
        seed_of_words(" ".join(words_of_seed(bytes(32))[:-1]))
    assert caught.value.given == 23


def test_a_wrong_last_word_breaks_the_checksum() -> None:
    words = [*words_of_seed(bytes(32))]
    assert words[-1] == "art"
    words[-1] = "zoo"
    with pytest.raises(SeedChecksumMismatch):
        seed_of_words(" ".join(words))
